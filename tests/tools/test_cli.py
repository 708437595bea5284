"""The command line as a whole: every command helps, wrong use is one sentence and its exit code."""

import subprocess
import sys

import click
import pytest

from muster import errors
from muster.cli import main as cli


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of `muster ARGUMENTS`."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(list(arguments))
    output, error = capsys.readouterr()
    assert isinstance(stopped.value.code, int)
    return stopped.value.code, output, error


def raise_instead(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make `muster deploy` raise `error`."""

    def fail() -> None:
        raise error

    command = click.Command("deploy", callback=fail)
    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: command)


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = run(capsys, "--help")
    assert code == errors.GOOD
    for command in cli.COMMANDS:
        assert command in output


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_helps(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = run(capsys, command, "--help")
    assert code == errors.GOOD
    assert output.startswith(f"Usage: muster {command}")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = run(capsys, "--version")
    assert code == errors.GOOD
    assert "0.1.0" in output


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["no-such-command"], "No such command"),
        (["--no-such-option"], "No such option"),
        (["deploy", "--board", "pico"], "'pico' is not one of 'esp32', 'pico_w'"),
        (["deploy", "--port"], "requires an argument"),
        (["deploy", "surplus"], "unexpected extra argument"),
    ],
)
def test_wrong_use_is_said_with_exit_code_2(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, output, error = run(capsys, *arguments)
    assert (code, output) == (errors.WRONG_USE, "")
    assert why in error
    assert "Traceback" not in error


def test_no_board_is_one_sentence_and_exit_code_4(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, error = run(capsys, "deploy", "--port", "/no/such/port")
    assert (code, output) == (errors.NO_DEVICE, "")
    assert error.startswith("muster: no board on /no/such/port: check the cable")
    assert error.count("\n") == 1


def test_expected_trouble_is_one_line_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raise_instead(monkeypatch, errors.MusterError("half of it is done: run it again.", errors.PARTLY_DONE))
    assert run(capsys, "deploy") == (errors.PARTLY_DONE, "", "muster: half of it is done: run it again.\n")


def test_ctrl_c_is_exit_code_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    raise_instead(monkeypatch, KeyboardInterrupt())
    code, output, error = run(capsys, "deploy")
    assert (code, output, error.strip()) == (errors.INTERRUPTED, "", "muster: interrupted")


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    raise_instead(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cli.main(["deploy"])


def test_a_command_does_not_load_the_others() -> None:
    code = (
        "import sys\nfrom muster.cli.main import main\n"
        "try:\n    main(['deploy', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted(name for name in sys.modules if name.startswith('muster.cli.')))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    always = ["muster.cli.deploy", "muster.cli.lazy", "muster.cli.main", "muster.cli.trouble"]
    assert result.stdout.splitlines()[-1] == str(always)


def test_runs_as_a_module() -> None:
    words = [sys.executable, "-m", "muster", "--version"]
    assert subprocess.run(words, capture_output=True, text=True, timeout=60).returncode == 0
