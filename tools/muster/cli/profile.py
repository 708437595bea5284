"""`muster profile`: named sets of settings, one for each cloud."""

from typing import Any

import click

from muster.cli import options, output
from muster.errors import WRONG_USE, MusterError
from muster.fleet import names, profiles


def _checked(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    return name if name is None else names.check(name, "profile")


_HELP = "Name of the profile."
_name = click.argument("name", callback=_checked, shell_complete=options.complete_profile, help=_HELP)
_maybe_name = click.argument(
    "name", callback=_checked, required=False, shell_complete=options.complete_profile, help=_HELP
)


@click.command()
@_name
@click.option("--home", type=click.Path(file_okay=False), help="Folder of the registry and of the twin.")
@click.option("--endpoint", help="Host name or address of AWS IoT, or of the twin.")
@click.option("--port", type=click.IntRange(1, 65535), help="MQTT port.")
@click.option("--template", help="Provisioning template.")
@click.option("--topic-prefix", help="First level of the boot status topic.")
@click.option("--ca", type=click.Path(dir_okay=False), help="File with the root CA.")
@click.option("--config", type=click.Path(dir_okay=False), help="config.json of the images; may be JSON5.")
@click.option("--app", type=click.Path(file_okay=False), help="Folder of the application for images.")
@click.option("--group", callback=_checked, help="The group that devices are added to.")
@options.dry_run_option
@output.output_option
def add(name: str, dry_run: bool, form: str, **values: Any) -> None:
    """Add a profile, so that its settings need not be given with every command."""
    settings = {field.replace("_", "-"): value for field, value in values.items() if value is not None}
    if not settings:
        raise MusterError("a profile needs at least one setting: use --home or another option", WRONG_USE)
    if dry_run:
        output.done(form, [f'Would add profile "{name}"'], {"name": name, "dryRun": True})
        return
    made = profiles.add(name, settings)
    lines = [f'Added profile "{name}": {made.path}', f"Use it: {output.program()} profile use {name}"]
    output.done(form, lines, {"name": name, "path": str(made.path), **made.settings})


@click.command(name="list")
@output.output_option
def list_profiles(form: str) -> None:
    """List the profiles; the one in use is marked."""
    in_use = profiles.current()
    rows = [
        {
            "name": one.name,
            "inUse": one.name == in_use,
            "mark": "*" if one.name == in_use else "",
            **one.settings,
        }
        for one in map(profiles.load, profiles.all_names())
    ]
    filled = [{**dict.fromkeys(("home", "endpoint", "group")), **row} for row in rows]
    columns = {"mark": "in use", "name": "profile", "home": "home", "endpoint": "endpoint", "group": "group"}
    empty = f"no profiles yet: create one with `{output.program()} profile add NAME --home FOLDER`"
    output.listing(form, columns, filled, empty)


@click.command()
@_maybe_name
@output.output_option
def show(name: str | None, form: str) -> None:
    """Show the settings of a profile, by default the one in use."""
    wanted = name or profiles.current()
    if wanted is None:
        raise MusterError(f"no profile is in use: name one, or `{output.program()} profile use NAME`")
    found = profiles.load(wanted)
    if form == output.JSON:
        output.result({"name": found.name, "path": str(found.path), **found.settings})
        return
    facts = {"name": found.name, "file": found.path, **found.settings}
    rows = [{"what": what, "value": value} for what, value in facts.items()]
    output.listing(form, {"what": "setting", "value": "value"}, rows, "")


@click.command()
@_maybe_name
@click.option("--none", "nothing", is_flag=True, help="Use no profile.")
@options.dry_run_option
@output.output_option
def use(name: str | None, nothing: bool, dry_run: bool, form: str) -> None:
    """Use a profile for every command without --profile or MUSTER_PROFILE."""
    if (name is None) is not nothing:
        raise MusterError("name the profile to use, or use --none", WRONG_USE)
    if name is not None:
        profiles.load(name)
    if not dry_run:
        profiles.use(name)
    text = f'profile "{name}" is in use' if name else "no profile is in use"
    output.done(form, [f"{'Would do: ' if dry_run else ''}{text}"], {"name": name, "dryRun": dry_run})


@click.command()
@_name
@options.dry_run_option
@output.output_option
def delete(name: str, dry_run: bool, form: str) -> None:
    """Delete a profile, but not the registry that it names."""
    path = profiles.existing(name) if dry_run else profiles.delete(name)
    output.done(
        form, [f'{"Would delete" if dry_run else "Deleted"} profile "{name}": {path}'], {"name": name}
    )
