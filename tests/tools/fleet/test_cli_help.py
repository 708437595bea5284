"""Every command's help: described, every option and argument explained, the table of commands true."""

import re
from collections.abc import Iterator

import click
import pytest

from muster.cli import lazy
from muster.cli import main as cli


def commands(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    """(path, command) of every command below `group`, groups too."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        yield inner.command_path, command
        if isinstance(command, click.Group):
            yield from commands(command, inner)


ROOT = click.Context(cli.muster, info_name="muster", **cli.muster.context_settings)
ALL = dict(commands(cli.muster, ROOT))


def test_there_are_commands() -> None:
    assert len(ALL) > 30


def is_explained(parameter: click.Parameter, text: str) -> bool:
    """Whether it has a help of its own, or is an argument that the command's text speaks of."""
    assert isinstance(parameter, click.Option | click.Argument)
    if parameter.help:
        return True
    return isinstance(parameter, click.Argument) and parameter.make_metavar(ROOT).strip("[].") in text


@pytest.mark.parametrize("path", ALL)
def test_a_command_is_described_and_its_options_are_explained(path: str) -> None:
    command = ALL[path]
    described = command.get_short_help_str(limit=1000)
    assert described.endswith(".") and described[0].isupper(), described
    bare = [one.name for one in command.params if not is_explained(one, command.help or "")]
    assert not bare, f"say what they mean: {bare}"


@pytest.mark.parametrize("path", [path for path, one in ALL.items() if isinstance(one, lazy.LazyGroup)])
def test_a_listing_shows_the_first_line_of_each_command(path: str) -> None:
    group = ALL[path]
    assert isinstance(group, lazy.LazyGroup)
    for name in group.table:
        described = ALL[f"{path} {name}"].help
        assert described is not None
        assert group.line(name) == described.splitlines()[0]


def test_every_group_lists_its_commands_from_a_table() -> None:
    assert [path for path, one in ALL.items() if isinstance(one, click.Group)] == [
        path for path, one in ALL.items() if isinstance(one, lazy.LazyGroup)
    ]


@pytest.mark.parametrize("path", ALL)
def test_help_is_printed(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([*path.split()[1:], "--help"])
    output, error = capsys.readouterr()
    assert (stopped.value.code, error) == (0, "")
    assert output.startswith(f"Usage: {path} ")
    assert "-h, --help" in output


def writes(path: str) -> bool:
    return bool(
        re.match(
            r"muster (add|delete|refresh|provision|deprovision|retire|reinstate|profile (add|delete|use))\b",
            path,
        )
    )


@pytest.mark.parametrize(
    "path", [path for path, one in ALL.items() if writes(path) and not isinstance(one, click.Group)]
)
def test_what_writes_has_a_dry_run(path: str) -> None:
    assert any(parameter.name == "dry_run" for parameter in ALL[path].params)


def test_the_help_of_all_states_precedence_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    output = capsys.readouterr().out
    assert "options win over environment variables, these over the" in output
    assert "0 good, 1 failed, 2 wrong use, 3 partly done" in output


def test_the_program_alone_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("Usage: muster ")
