"""A click group that knows its commands from a table, so that listing them imports nothing."""

import importlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

Table = dict[str, "str | tuple[str, Table]"]
"""command -> "module:function", or (one line of help, table) of a group of commands"""

PROFILE = "muster.profile"  # key of Context.meta: the profile named before the command


@cache
def help_line(place: str) -> str:
    """The first line of the docstring of the function at "module:function", read without importing it.

    The docstring is the only home of that line; importing every command for `--help` would take seconds.
    """
    module, _, function = place.partition(":")
    found = importlib.util.find_spec(module)
    assert found is not None and found.origin is not None, place
    source = Path(found.origin).read_text(encoding="utf-8")
    docstring = source[source.index(f"\ndef {function}(") :].split('"""', 2)[1]
    return docstring.partition("\n")[0]


class LazyGroup(click.Group):
    """A group whose commands are in `table`; a command's module is imported when the command is used."""

    def __init__(self, *arguments: Any, table: Table, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.table = table

    def line(self, command: str) -> str:
        """The line of help of one of the commands."""
        entry = self.table[command]
        return help_line(entry) if isinstance(entry, str) else entry[0]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See click.Command. `help COMMAND` is understood as `COMMAND --help`."""
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.table.get(cmd_name)
        if entry is None:
            return None
        if not isinstance(entry, str):
            return LazyGroup(cmd_name, table=entry[1], help=entry[0])
        module, _, attribute = entry.partition(":")
        return getattr(importlib.import_module(module), attribute)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=self.table, ctx=ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.line(name)) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        commands = [
            CompletionItem(name, help=self.line(name))
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)
