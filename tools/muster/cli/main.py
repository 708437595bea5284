"""The `muster` command: a table of command groups, and trouble turned into sentences."""

import importlib
import sys

import click

from muster.errors import INTERRUPTED, MusterError

# command -> where it lives; a module is imported only when its command is used, so that help is quick.
COMMANDS = {
    "board": "muster.cli.board:board",
    "demo": "muster.cli.demo:demo",
    "deploy": "muster.cli.deploy:deploy",
    "image": "muster.cli.image:image",
    "relay": "muster.cli.relay:relay",
    "twin": "muster.cli.twin:twin",
}


class LazyGroup(click.Group):
    """A click group that finds its commands in `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        return getattr(importlib.import_module(module), attribute)


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="muster")
def muster() -> None:
    """Bring MicroPython boards into a fleet on AWS IoT, or on its local twin."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with one of the codes of `muster.errors`."""
    try:
        code = muster.main(args=arguments, prog_name="muster", standalone_mode=False)
    except MusterError as error:
        print(f"muster: {error}", file=sys.stderr)
        sys.exit(error.code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        print("muster: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    sys.exit(code or 0)
