"""`muster twin fault`: make the twin fail on purpose."""

from pathlib import Path

import click

from muster.cli import options, output
from muster.cli.numbers import Finite
from muster.errors import MusterError
from muster.twin import faults

_FAULTS = "\n".join(f"  {kind:15}{what}" for kind, (what, _) in faults.KINDS.items())


@click.command(name="set", epilog=f"\b\nFaults:\n{_FAULTS}")
@click.argument(
    "step", type=click.Choice(faults.STAGES), metavar="STEP", help=f"One of {', '.join(faults.STAGES)}."
)
@click.argument(
    "kind", type=click.Choice(list(faults.KINDS)), metavar="FAULT", help="What happens; see below."
)
@click.option("--code", help="For reject: the errorCode.")
@click.option(
    "--number",
    type=Finite(min=0),
    help="For reject: statusCode or CONNACK code; for delay: milliseconds; for throttle: how many a second.",
)
@click.option("--client", default="*", show_default=True, help="Only for client ids that match this pattern.")
@click.option("--count", type=click.IntRange(min=1), help="How many times  [default: until it is cleared]")
@options.home_option
@output.output_option
def set_fault(
    step: str,
    kind: str,
    code: str | None,
    number: float | None,
    client: str,
    count: int | None,
    home: Path,
    form: str,
) -> None:
    """Set a fault: what goes wrong at a step."""
    faults.check_details(step, kind, code, number)
    with options.reading(home) as registry:
        fault_id = registry.faults.add(step, kind, code, number, client, count)
    output.done(form, [f"fault {fault_id} is set"], {"no": fault_id, "step": step, "fault": kind})


@click.command(name="list")
@options.home_option
@output.output_option
def list_faults(home: Path, form: str) -> None:
    """List the faults that are set."""
    with options.reading(home) as registry:
        rows = [
            {
                "no": fault.fault_id,
                "step": fault.stage,
                "fault": fault.kind,
                "code": fault.code,
                "number": fault.number,
                "client": fault.client,
                "left": fault.remaining,
            }
            for fault in registry.faults.all()
        ]
    if form != output.JSON:
        for row in rows:
            row["number"] = None if row["number"] is None else f"{row['number']:g}"
            row["left"] = "no limit" if row["left"] is None else row["left"]
    columns = {name: name for name in ("no", "step", "fault", "code", "number", "client", "left")}
    output.listing(form, columns, rows, "no faults are set")


@click.command(name="clear")
@click.argument("number", type=int, required=False)
@options.home_option
@output.output_option
def clear_faults(number: int | None, home: Path, form: str) -> None:
    """Remove the fault NUMBER, or all of them."""
    with options.reading(home) as registry:
        removed = registry.faults.clear(number)
    if number is not None and not removed:
        raise MusterError(f"there is no fault {number}: see `muster twin fault list --home {home}`")
    output.done(form, [f"{output.counted(removed, 'fault')} removed"], {"removed": removed})
