"""The `muster` command: the table of all commands."""

import sys
from pathlib import Path

import click

from muster.cli.lazy import PROFILE, LazyGroup, Table

# command -> (one line of help, where it lives, or the table of its own commands). A module is imported only
# when its command is used, so that help and completion are quick. A test compares the lines with the modules.
COMMANDS: Table = {
    "add": (
        "Add a group, a device, or many devices.",
        {
            "device": ("Add a device to a group.", "muster.cli.add:device"),
            "devices": ("Add many devices to a group.", "muster.cli.batch:devices"),
            "group": ("Add a group and print its provisioning secret once.", "muster.cli.add:group"),
        },
    ),
    "apply": (
        "Make the fleet as a sheet says, after showing what that changes.",
        "muster.cli.plan:apply",
    ),
    "batches": (
        "List the batches: what was asked for at once, and how much of it is made.",
        "muster.cli.batch:batches",
    ),
    "board": (
        "Run the virtual board, or look into the flash image of any board.",
        "muster.cli.board:board",
    ),
    "completion": (
        "Print the script that completes commands, options, groups and devices at the Tab key.",
        "muster.cli.completion:completion",
    ),
    "delete": (
        "Delete a group or a device.",
        {
            "device": (
                "Delete a device, with its history, its claim ID and its certificates.",
                "muster.cli.delete:device",
            ),
            "group": (
                "Delete a group, with all its devices and their certificates.",
                "muster.cli.delete:group",
            ),
        },
    ),
    "demo": (
        "Watch a virtual board provision itself against the twin and publish its boot status.",
        "muster.cli.demo:demo",
    ),
    "deploy": (
        "Put the program onto a board that runs MicroPython, and restart it.",
        "muster.cli.deploy:deploy",
    ),
    "deprovision": (
        "Revoke the certificates of a device: it is as it was after `add device`.",
        "muster.cli.provision:deprovision",
    ),
    "find": ("Find the device with the claim ID of a label.", "muster.cli.get:find"),
    "get": (
        "List groups and devices, or show one device.",
        {
            "device": (
                "Show one device: its state, its certificates and what happened to it.",
                "muster.cli.get:device",
            ),
            "devices": (
                "List the devices, of all groups or of one, in the order they were made.",
                "muster.cli.get:list_devices",
            ),
            "groups": (
                "List the groups: how many devices they have, when their secrets were made.",
                "muster.cli.get:groups",
            ),
        },
    ),
    "image": ("Make the flash image of one board, or of many devices.", "muster.cli.image:image"),
    "label": ("Make labels: name, claim ID and QR code of devices.", "muster.cli.label:label"),
    "plan": ("Show what a fleet sheet would change.", "muster.cli.plan:plan"),
    "profile": (
        "Keep named sets of settings, one for each cloud.",
        {
            "add": (
                "Make a profile: what it names need not be said with every command.",
                "muster.cli.profile:add",
            ),
            "delete": (
                "Delete a profile; the registry that it names stays as it is.",
                "muster.cli.profile:delete",
            ),
            "list": ("List the profiles; the one in use is marked.", "muster.cli.profile:list_profiles"),
            "show": (
                "Show the settings of a profile, by default of the one in use.",
                "muster.cli.profile:show",
            ),
            "use": (
                "Use a profile wherever no other is named by --profile or MUSTER_PROFILE.",
                "muster.cli.profile:use",
            ),
        },
    ),
    "provision": (
        "Make an identity on this computer, for a board that cannot provision itself.",
        "muster.cli.provision:provision",
    ),
    "refresh": (
        "Give a group a new secret, or a device a new certificate.",
        {
            "certificate": (
                "Give a provisioned device a new certificate; the old ones are revoked at once.",
                "muster.cli.provision:refresh_certificate",
            ),
            "provision-secret": (
                "Give a group a new provisioning secret and print it once.",
                "muster.cli.refresh:provision_secret",
            ),
        },
    ),
    "reinstate": (
        "Bring a retired device back into service.",
        {
            "device": (
                "Bring a retired device back into service: its state is `created` again.",
                "muster.cli.retire:reinstate",
            ),
        },
    ),
    "relay": (
        "Relay TCP connections with latency, little bandwidth, cuts or silence.",
        "muster.cli.relay:relay",
    ),
    "retire": (
        "Take a device out of service.",
        {
            "device": (
                "Take a device out of service: revoke its certificates and admit it no more.",
                "muster.cli.retire:retire",
            ),
        },
    ),
    "sim": (
        "Let a simulated fleet provision itself and publish its boot status; show rates, times and errors.",
        "muster.cli.sim:sim",
    ),
    "twin": ("The local twin of AWS IoT Core.", "muster.cli.twin:twin"),
}

_EPILOG = """\b
Where a value comes from: options win over environment variables, these over the
profile (muster profile), this over defaults; what is still missing is asked for,
at a terminal only.

\b
Exit codes: 0 good, 1 failed, 2 wrong use, 3 partly done (the same command goes on),
4 no such device, or no board plugged in, 130 interrupted.
"""


@click.command(
    cls=LazyGroup,
    table=COMMANDS,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="muster", message="%(prog)s, version %(version)s")
@click.option("--profile", envvar="MUSTER_PROFILE", help="Take settings from this profile (muster profile).")
@click.pass_context
def muster(ctx: click.Context, profile: str | None) -> None:
    """Bring MicroPython boards into a fleet on AWS IoT, or on its local twin."""
    ctx.meta[PROFILE] = profile


def program() -> str:
    """The name that the command was called by: `iotactl` through a link of that name, else `muster`."""
    name = Path(sys.argv[0]).stem
    return name if name == "iotactl" else "muster"


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with one of the codes of `muster.errors`."""
    from muster.cli import trouble

    words = sys.argv[1:] if arguments is None else arguments
    sys.exit(trouble.guarded(muster, words, program()))
