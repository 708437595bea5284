"""`muster completion`: the script that lets the Tab key complete commands."""

import click
from click import shell_completion

from muster.cli.output import program

_SHELLS = ["bash", "zsh", "fish"]


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS), help="Your shell.")
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that lets the Tab key complete commands, options and names.

    \b
    bash  put  eval "$(muster completion bash)"  into ~/.bashrc
    zsh   put  eval "$(muster completion zsh)"   into ~/.zshrc
    fish  muster completion fish > ~/.config/fish/completions/muster.fish
    """
    kind = shell_completion.get_completion_class(shell)
    assert kind is not None  # the choices are click's own
    name = program()
    # Not kind.source(): for bash it starts a bash to look at its version.
    made = kind(ctx.find_root().command, {}, name, f"_{name.upper()}_COMPLETE")
    click.echo(made.source_template % made.source_vars())
