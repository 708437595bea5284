"""A click group that knows its commands from a table, so that listing them imports nothing."""

import importlib
from typing import Any

import click
from click.shell_completion import CompletionItem

Table = dict[str, tuple[str, "str | Table"]]
"""command -> (one line of help, "module:attribute" or the table of a group of commands)"""

PROFILE = "muster.profile"  # key of Context.meta: the profile named before the command


class LazyGroup(click.Group):
    """A group whose commands are in `table`; a command's module is imported when the command is used."""

    def __init__(self, *arguments: Any, table: Table, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        line, place = self.table[cmd_name]
        if isinstance(place, dict):
            return LazyGroup(cmd_name, table=place, help=line)
        module, _, attribute = place.partition(":")
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
            formatter.write_dl([(name, self.table[name][0]) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        commands = [
            CompletionItem(name, help=self.table[name][0])
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)
