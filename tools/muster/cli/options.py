"""Options that commands share, and where their values come from.

Options win over environment variables, these over the profile, this over defaults; what is still missing is
asked for, at a terminal only.
"""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from muster import cloud
from muster.cli import output
from muster.cli.lazy import PROFILE
from muster.cloud import Deed
from muster.errors import WRONG_USE, MusterError
from muster.fleet import names, profiles
from muster.layout import user_folder
from muster.registry import FILE_NAME, Registry

_F = TypeVar("_F", bound=Callable[..., Any])


LOCAL = "localhost"  # the endpoint when nobody names one


def default_home() -> Path:
    """The home folder when nobody names one: `muster` in the user's folder for data."""
    return user_folder("XDG_DATA_HOME", ".local/share") / "muster"


def _use_profile(ctx: click.Context, _: click.Parameter, name: str | None) -> None:
    name = name or ctx.meta.get(PROFILE) or profiles.current()
    if name:
        ctx.default_map = {**profiles.load(name).defaults(), **(ctx.default_map or {})}


def complete_profile(_: click.Context, __: click.Parameter, begin: str) -> list[CompletionItem]:
    """The profiles that begin so, for the shell."""
    return [CompletionItem(name) for name in profiles.all_names() if name.startswith(begin)]


profile_option = click.option(
    "--profile",
    expose_value=False,
    is_eager=True,
    callback=_use_profile,
    shell_complete=complete_profile,
    help="Take settings from this profile (see muster profile).",
)


def home_option(function: _F) -> _F:
    """`--home` (a Path) and `--profile`."""
    home = click.option(
        "--home",
        envvar="MUSTER_HOME",
        show_envvar=True,
        type=click.Path(file_okay=False, path_type=Path),
        default=default_home,
        show_default="the user's data folder",
        help="Folder of the registry and of the twin.",
    )
    return profile_option(home(function))


def is_interactive() -> bool:
    """Whether somebody can be asked: a script that feeds standard input never is."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask_group(ctx: click.Context, _: click.Parameter, value: str | None) -> str | None:
    if value is None and not ctx.resilient_parsing:
        if not is_interactive():
            raise click.UsageError("Missing option '-g' / '--group': name the group.", ctx)
        value = click.prompt("Group", err=True)
    return value if value is None else names.check(value, "group")


def _check_group(ctx: click.Context, _: click.Parameter, value: str | None) -> str | None:
    if value is None or ctx.get_parameter_source("group") is ParameterSource.DEFAULT_MAP:
        return None  # the profile's group is for what is added, it hides nothing
    return names.check(value, "group")


def group_option(required: bool) -> Callable[[_F], _F]:
    """`-g`, `--group`: a name that keeps the rule. When it is required, it is asked for at a terminal."""
    return click.option(
        "-g",
        "--group",
        callback=_ask_group if required else _check_group,
        shell_complete=complete_group,
        help="The group." if required else "Only this group.",
    )


def name_argument(what: str, metavar: str) -> Callable[[_F], _F]:
    """The argument `name`: the name of a "group" or a "device", checked against the rule."""
    return click.argument(
        "name",
        metavar=metavar,
        callback=lambda _, __, value: names.check(value, what),
        shell_complete=complete_group if what == "group" else complete_device,
        help=f"Name of the {what}: {names.rule(what)}.",
    )


endpoint_option = click.option(
    "--endpoint",
    default=LOCAL,
    show_default=True,
    help="Host name of the cloud. AWS IoT's is refused: Muster cannot do this on AWS yet.",
)


def profile_endpoint() -> str:
    """The endpoint of the profile, for commands without --endpoint; else this computer's twin."""
    return str(click.get_current_context().lookup_default("endpoint") or LOCAL)


def note_only_here(home: Path, deed: Deed, endpoint: str | None = None) -> None:
    """Say so when the cloud is not the twin of `home`, whose registry is all that `deed` concerns.

    `endpoint`: None means the profile's.
    """
    text = cloud.only_here(profile_endpoint() if endpoint is None else endpoint, home, deed)
    if text:
        output.note(text)


dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def confirm(question: str, yes: bool, left: str) -> None:
    """Ask unless `yes`. Raises MusterError when nobody can be asked or the answer is no.

    `left` says what stays as it was ("nothing was deleted").
    """
    if yes:
        return
    if not is_interactive():
        raise MusterError(f"This is not a terminal, so nobody can be asked; {left}; use --yes", WRONG_USE)
    if not click.confirm(question, err=True):
        raise MusterError(f"Aborted; {left}.")


@contextlib.contextmanager
def reading(home: Path) -> Iterator[Registry]:
    """The registry of `home`, for a command that creates none. Raises MusterError when there is none."""
    if not (home / FILE_NAME).exists():
        raise MusterError(
            f"there is no registry in {home} yet: `muster add group NAME` or `muster twin run` creates it; or"
            " name another --home"
        )
    with writing(home) as registry:
        yield registry


@contextlib.contextmanager
def writing(home: Path, dry_run: bool = False) -> Iterator[Registry]:
    """The registry of `home`, created when it is missing (for a dry run: an empty one elsewhere).

    Raises MusterError when the folder or the file cannot be used.
    """
    with contextlib.ExitStack() as stack:
        place = home
        if dry_run and not (home / FILE_NAME).exists():
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            registry = stack.enter_context(contextlib.closing(Registry(place)))
            yield registry
        except (PermissionError, FileExistsError, NotADirectoryError) as error:
            raise MusterError(
                f"the folder {home} cannot be used ({os.strerror(error.errno or 0)}): name another --home"
            ) from error


def _completions(
    ctx: click.Context, read: Callable[[Registry], list[str]], begin: str
) -> list[CompletionItem]:
    home = ctx.params.get("home") or Path(os.environ.get("MUSTER_HOME") or default_home())
    if not (home / FILE_NAME).exists():
        return []
    with contextlib.closing(Registry(home)) as registry:
        return [CompletionItem(name) for name in read(registry) if name.startswith(begin)]


def complete_group(ctx: click.Context, _: click.Parameter, begin: str) -> list[CompletionItem]:
    """The groups that begin so, for the shell."""
    return _completions(ctx, lambda registry: [group.name for group, _ in registry.groups.all()], begin)


def complete_batch(ctx: click.Context, _: click.Parameter, begin: str) -> list[CompletionItem]:
    """The batches that begin so, for the shell."""
    return _completions(ctx, lambda registry: [batch.name for batch, _ in registry.batches.all()], begin)


def complete_device(ctx: click.Context, _: click.Parameter, begin: str) -> list[CompletionItem]:
    """The devices that begin so, for the shell."""
    return _completions(ctx, lambda registry: sorted(registry.devices.names()), begin)


def json_object(text: str, what: str, must: str) -> dict[str, Any]:
    """The JSON object in the text of an option; raises MusterError, with `must` when it is something else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MusterError(f"{what} is not JSON: {error}", WRONG_USE) from error
    if not isinstance(value, dict):
        raise MusterError(must, WRONG_USE)
    return value
