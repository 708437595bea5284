"""The `muster` command: the table of all commands."""

import sys

import click
from click.shell_completion import CompletionItem

from muster.cli.lazy import PROFILE, LazyGroup, Table
from muster.cli.output import program

# command -> where it is, or the line of help and the table of its own commands. A module is imported only
# when its command is used, so that help and completion are quick; the lines of help stand in the modules.
COMMANDS: Table = {
    "add": (
        "Add a group, a device, many devices, a product, or an account.",
        {
            "account": "muster.cli.add_people:account",
            "device": "muster.cli.add:device",
            "devices": "muster.cli.batch:devices",
            "group": "muster.cli.add:group",
            "product": "muster.cli.add_people:product",
        },
    ),
    "apply": "muster.cli.plan:apply",
    "batches": "muster.cli.batch:batches",
    "board": (
        "Run the virtual board, or look into the flash image of any board.",
        {
            "cat": "muster.cli.board:cat",
            "ls": "muster.cli.board:ls",
            "run": "muster.cli.board_run:run",
            "table": "muster.cli.board_tables:table",
            "tables": "muster.cli.board_tables:tables",
        },
    ),
    "completion": "muster.cli.completion:completion",
    "delete": (
        "Delete a group or a device.",
        {
            "device": "muster.cli.delete:device",
            "group": "muster.cli.delete:group",
        },
    ),
    "demo": "muster.cli.demo:demo",
    "deploy": "muster.cli.deploy:deploy",
    "deprovision": "muster.cli.provision:deprovision",
    "doctor": "muster.cli.doctor:doctor",
    "factory": "muster.cli.factory:factory",
    "find": "muster.cli.get:find",
    "firmware": "muster.cli.firmware:firmware",
    "flash": "muster.cli.flash:flash",
    "get": (
        "List groups or devices, or show one device or its shadow.",
        {
            "device": "muster.cli.get:device",
            "devices": "muster.cli.get:list_devices",
            "groups": "muster.cli.get:groups",
            "shadow": "muster.cli.shadow:get_shadow",
        },
    ),
    "image": "muster.cli.image:image",
    "images": "muster.cli.images:images",
    "label": "muster.cli.label:label",
    "line": "muster.cli.line:line",
    "log": "muster.cli.log:log",
    "logs": "muster.cli.log:log",  # what many type
    "plan": "muster.cli.plan:plan",
    "profile": (
        "Manage profiles: named sets of settings, one for each cloud.",
        {
            "add": "muster.cli.profile:add",
            "delete": "muster.cli.profile:delete",
            "list": "muster.cli.profile:list_profiles",
            "show": "muster.cli.profile:show",
            "use": "muster.cli.profile:use",
        },
    ),
    "provision": "muster.cli.provision:provision",
    "refresh": (
        "Give a group a new secret, or a device a new certificate.",
        {
            "certificate": "muster.cli.provision:refresh_certificate",
            "provision-secret": "muster.cli.refresh:provision_secret",
        },
    ),
    "reinstate": (
        "Bring a retired device back into service.",
        {"device": "muster.cli.retire:reinstate"},
    ),
    "relay": "muster.cli.relay:relay",
    "retire": ("Take a device out of service.", {"device": "muster.cli.retire:retire"}),
    "services": "muster.cli.services:services",
    "set": ("Change what a shadow desires of a device.", {"shadow": "muster.cli.shadow:set_shadow"}),
    "sim": "muster.cli.sim:sim",
    "traceback": "muster.cli.traceback:traceback",
    "twin": (
        "Run the local twin of AWS IoT Core, look into it, and inject faults.",
        {
            "boots": "muster.cli.twin.looking:boots",
            "certificates": "muster.cli.twin.looking:certificates",
            "claim": (
                "Replace the claim credentials.",
                {"new": "muster.cli.twin.claim:new"},
            ),
            "fault": (
                "Inject faults into a running twin; they act at once.",
                {
                    "clear": "muster.cli.twin.fault:clear_faults",
                    "list": "muster.cli.twin.fault:list_faults",
                    "set": "muster.cli.twin.fault:set_fault",
                },
            ),
            "logs": "muster.cli.twin.logs:logs",
            "revoke": "muster.cli.twin.revoke:revoke",
            "run": "muster.cli.twin.run:run",
            "table": (
                "Look into the synchronised tables of a board, and change them.",
                {
                    "delete": "muster.cli.twin.table:delete",
                    "get": "muster.cli.twin.table:get",
                    "list": "muster.cli.twin.table:list_tables",
                    "put": "muster.cli.twin.table:put",
                },
            ),
            "template": "muster.cli.twin.template:put_template",
            "things": "muster.cli.twin.looking:things",
        },
    ),
    "watch": "muster.cli.watch:watch",
    "webflash": "muster.cli.webflash:webflash",
}

_EPILOG = """\b
Where a value comes from: options win over environment variables, these over the
profile (muster profile), this over defaults. What is still missing is asked for,
at a terminal only.

\b
Exit codes: 0 good, 1 failed, 2 wrong use, 3 partly done (the same command continues),
4 no such device, or no board plugged in, 70 an error in Muster itself (MUSTER_DEBUG=1
shows its traceback), 130 interrupted, 143 terminated.
"""


def _complete_profile(ctx: click.Context, parameter: click.Parameter, begin: str) -> list[CompletionItem]:
    from muster.cli import options  # only at the Tab key

    return options.complete_profile(ctx, parameter, begin)


@click.command(
    cls=LazyGroup,
    table=COMMANDS,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="muster", message="%(prog)s, version %(version)s")
@click.option(
    "--profile",
    envvar="MUSTER_PROFILE",
    shell_complete=_complete_profile,
    help="Take settings from this profile (muster profile).",
)
@click.pass_context
def muster(ctx: click.Context, profile: str | None) -> None:
    """Bring MicroPython boards into a fleet on AWS IoT, or on its local twin."""
    ctx.meta[PROFILE] = profile


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with one of the codes of `muster.errors`."""
    from muster.cli import failures

    words = sys.argv[1:] if arguments is None else arguments
    sys.exit(failures.guarded(muster, words, program()))
