"""The `muster` command: composes the command groups and turns trouble into sentences."""

import sys

import click
import typer

from muster.errors import INTERRUPTED, MusterError

app = typer.Typer(
    name="muster",
    help="Bring MicroPython boards into a fleet on AWS IoT, or on its local twin.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _compose() -> None:
    """Add every command group; imports here keep `muster --help` of one group from loading the others."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with one of the codes of `muster.errors`."""
    _compose()
    command = typer.main.get_command(app)
    try:
        code = command.main(args=arguments, prog_name="muster", standalone_mode=False)
    except MusterError as error:
        print(f"muster: {error}", file=sys.stderr)
        sys.exit(error.code)
    except click.UsageError as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        print("muster: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    sys.exit(code or 0)
