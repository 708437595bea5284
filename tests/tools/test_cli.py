"""The command line as a whole: every command helps, wrong use is one sentence and its exit code."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from muster import errors
from muster.cli import failures, lazy
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
    monkeypatch.delenv(failures.DEBUG, raising=False)


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
        (["deploy", "--board", "pico"], "'pico' is not one of 'esp32', 'esp32c3'"),
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


def test_an_expected_error_is_one_line_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raise_instead(monkeypatch, errors.MusterError("half of it is done: run it again.", errors.PARTLY_DONE))
    assert run(capsys, "deploy") == (errors.PARTLY_DONE, "", "muster: half of it is done: run it again.\n")


def test_ctrl_c_is_exit_code_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    raise_instead(monkeypatch, KeyboardInterrupt())
    code, output, error = run(capsys, "deploy")
    assert (code, output, error.strip()) == (errors.INTERRUPTED, "", "muster: interrupted")


def test_a_mistake_of_ours_is_one_sentence_with_exit_code_70(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raise_instead(monkeypatch, ZeroDivisionError("a secret"))
    code, output, error = run(capsys, "deploy")
    assert (code, output) == (errors.OUR_MISTAKE, "")
    assert error.startswith("muster: an error in Muster itself: ZeroDivisionError in test_cli.py, line ")
    assert error.count("\n") == 1 and "MUSTER_DEBUG=1" in error and "secret" not in error


def test_a_mistake_of_ours_keeps_its_traceback_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    raise_instead(monkeypatch, ZeroDivisionError())
    monkeypatch.setenv(failures.DEBUG, "1")
    with pytest.raises(ZeroDivisionError):
        cli.main(["deploy"])


@pytest.mark.parametrize(
    ("number", "what", "next_step"),
    [
        (errno.ENOSPC, "No space left on device", "make room"),
        (errno.EROFS, "Read-only file system", "choose a place that can be written"),
        (errno.EACCES, "Permission denied", "choose another place, or change its permissions"),
        (errno.EIO, "Input/output error", "MUSTER_DEBUG=1 shows where"),
    ],
)
def test_a_refusal_of_the_system_is_one_sentence(
    number: int,
    what: str,
    next_step: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raise_instead(monkeypatch, OSError(number, os.strerror(number), "/full/x"))
    code, output, error = run(capsys, "deploy")
    assert (code, output) == (errors.FAILED, "")
    assert error.startswith(f"muster: /full/x cannot be used ({what}): {next_step}")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "same"),
    [
        (["help"], ["--help"]),
        (["help", "twin", "run"], ["twin", "run", "--help"]),
        (["twin", "help", "fault"], ["twin", "fault", "--help"]),
    ],
)
def test_help_is_a_command_too(words: list[str], same: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, *words) == run(capsys, *same)


def modules_of(table: lazy.Table) -> Iterator[str]:
    """The modules that the commands of a table live in."""
    for entry in table.values():
        if isinstance(entry, str):
            yield entry.partition(":")[0]
        else:
            yield from modules_of(entry[1])


@pytest.mark.parametrize(
    ("words", "used"),
    [
        (["--help"], set()),
        (["add"], set()),
        (["twin", "--help"], set()),
        (["deploy", "--help"], {"muster.cli.deploy"}),
    ],
)
def test_only_the_command_that_is_used_is_loaded(words: list[str], used: set[str]) -> None:
    code = (
        "import sys\nfrom muster.cli.main import main\n"
        f"try:\n    main({words})\nexcept SystemExit:\n    pass\nprint(*sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    loaded = set(result.stdout.splitlines()[-1].split())
    assert loaded & set(modules_of(cli.COMMANDS)) == used
    if not used:
        assert not loaded & {"rich", "cryptography", "sqlite3", "asyncio", "muster.registry"}


def test_runs_as_a_module() -> None:
    words = [sys.executable, "-m", "muster", "--version"]
    assert subprocess.run(words, capture_output=True, text=True, timeout=60).returncode == 0
