"""`muster sim`: a simulated fleet provisions itself, and what that took."""

import asyncio
import contextlib
import functools
import signal
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from device.core import fields, topics
from muster.cli import options, output
from muster.cli.numbers import Finite
from muster.errors import FAILED, GOOD, INTERRUPTED, PARTLY_DONE, TERMINATED
from muster.fleet.sim import fleet, own_twin
from muster.fleet.sim.board import Board
from muster.fleet.sim.report import PERCENTILES, Report
from muster.fleet.sim.run import Device, Pace, run

COUNT = 100
PORT = 8883


@click.command()
@click.option(
    "--count",
    type=click.IntRange(min=1),
    help=f"How many devices  [default: all of the group, else {COUNT}]",
)
@options.group_option(required=False)
@click.option(
    "--parallel",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Devices working at the same time.",
)
@click.option(
    "--ramp",
    "ramp_s",
    type=Finite(min=0),
    default=0.0,
    metavar="S",
    help="Spread the first connections over S seconds, at random: AWS throttles by account.",
)
@click.option(
    "--tries",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Attempts per device, with the board's own back-off between them.",
)
@click.option(
    "--keep-connected",
    "keep_s",
    type=Finite(min=0),
    default=0.0,
    metavar="S",
    help="Keep every connection open until all are done, and S seconds longer.",
)
@click.option(
    "--keys",
    "key_mode",
    type=click.Choice([fields.KEYS_DEVICE, fields.KEYS_CLOUD]),
    default=fields.KEYS_DEVICE,
    show_default=True,
    help="Who makes the private key: the device (P-256) or the cloud (RSA; eight times the work for a twin).",
)
@click.option("--endpoint", metavar="HOST", help="An existing server  [default: a twin of its own]")
@click.option(
    "--port", type=click.IntRange(1, 65535), help=f"With --endpoint: its MQTT port  [default: {PORT}]"
)
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --endpoint: the server's root CA, PEM  [default: ca.pem in the home]",
)
@click.option(
    "--claim",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="With --endpoint: folder of the claim credentials  [default: claim in the home]",
)
@click.option(
    "--template",
    default=topics.DEFAULT_TEMPLATE,
    show_default=True,
    help="Provisioning template.",
)
@click.option(
    "--topic-prefix",
    default=topics.DEFAULT_PREFIX,
    show_default=True,
    help="First level of the boot status topic.",
)
@options.home_option
@output.output_option
def sim(
    count: int | None,
    group: str | None,
    parallel: int,
    ramp_s: float,
    tries: int,
    keep_s: float,
    key_mode: str,
    endpoint: str | None,
    port: int | None,
    ca: Path | None,
    claim: Path | None,
    template: str,
    topic_prefix: str,
    home: Path,
    form: str,
) -> int:
    """Let a simulated fleet provision itself and publish its boot status; show rates, times and errors.

    The devices run the board's own code with a flash in memory. With --group they are the devices of that
    group that are not provisioned yet, with their enrolment keys; without it, they are called sim-1, sim-2,
    and so on.

    Without --endpoint a twin is started on a free port and stopped at the end: in the home with --group, in
    a temporary folder without it. The endpoint and the group of a profile are ignored unless you name them
    here, so that no cloud is contacted by accident. Ctrl-C ends the run with a summary of what was done.

    Exit code 0: all devices succeeded, 3: some did, 1: none, 130: interrupted, 143: terminated.
    """
    if _is_default("group"):
        group = None
    if _is_default("endpoint"):
        if not all(_is_default(name) for name in ("port", "ca", "claim")):
            raise click.UsageError("--port, --ca and --claim belong to --endpoint: name the server.")
        endpoint, port, ca = None, None, None
        template = topics.DEFAULT_TEMPLATE if _is_default("template") else template
        topic_prefix = topics.DEFAULT_PREFIX if _is_default("topic_prefix") else topic_prefix
    pace = Pace(parallel=parallel, ramp_s=ramp_s, tries=tries, keep_s=keep_s)
    cloud = fleet.Cloud(endpoint or "localhost", port or PORT, {}, template, key_mode, topic_prefix)
    fleet.check(cloud)
    server = _Server(cloud, home, ca, claim, is_ours=endpoint is None)
    report, stopped = asyncio.run(_run(server, group, count, pace))
    _show(report, form)
    return _code(report) if stopped is None else stopped


def _is_default(parameter: str) -> bool:
    """Whether nobody named it for this command: what a profile says does not count."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)


class _Server:
    """Where the boards go: a server that runs, or a twin of our own."""

    def __init__(
        self, cloud: fleet.Cloud, home: Path, ca: Path | None, claim: Path | None, is_ours: bool
    ) -> None:
        self._cloud = cloud
        self._home = home
        self._ca = ca
        self._claim = claim
        self._is_ours = is_ours

    def devices(self, cloud: fleet.Cloud, group: str | None, count: int | None) -> list[Device]:
        """The devices that are to boot. Raises MusterError when there are none."""
        if group is None:
            return fleet.numbered(cloud, count or COUNT)
        with options.reading(self._home) as registry:
            return fleet.of_group(cloud, registry, self._home, group, count)

    @contextlib.asynccontextmanager
    async def up(self, group: str | None) -> AsyncIterator[tuple[fleet.Cloud, own_twin.OwnTwin | None]]:
        """The cloud with its claim credentials, and the twin when it is ours, for the length of the block."""
        if not self._is_ours:
            yield self._with_claim(self._cloud, self._home), None
            return
        with contextlib.ExitStack() as stack:
            home = self._home
            if group is None:
                home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="muster-sim-"))) / "twin"
            else:
                self.devices(self._cloud, group, None)  # before a twin is started for nothing
            async with own_twin.own_twin(home) as twin:
                await twin.settle()
                yield self._with_claim(replace(self._cloud, port=twin.port), home), twin

    def _with_claim(self, cloud: fleet.Cloud, home: Path) -> fleet.Cloud:
        found = fleet.credentials(self._claim or home / "claim", self._ca or home / "ca.pem")
        return replace(cloud, claim=found)


async def _run(
    server: _Server, group: str | None, count: int | None, pace: Pace
) -> tuple[Report, int | None]:
    """The report, and the exit code that a signal gave."""
    stop = asyncio.Event()
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        stop.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, end, INTERRUPTED)
    loop.add_signal_handler(signal.SIGTERM, end, TERMINATED)
    async with server.up(group) as (cloud, twin):
        devices = server.devices(cloud, group, count)
        output.note(
            f"booting {output.counted(len(devices), 'device')} against {cloud.endpoint}; Ctrl-C stops it"
        )
        before_s = twin.cpu_s() if twin else None
        with output.Progress("booting", len(devices)) as progress:
            report = await run(devices, pace, stop, functools.partial(_tell, progress))
        after_s = twin.cpu_s() if twin else None
        if before_s is not None and after_s is not None:
            report.twin_cpu_s = after_s - before_s
        return report, codes[0] if report.interrupted else None


def _tell(progress: output.Progress, report: Report, _: Board) -> None:
    """One device more is done, or has failed."""
    detail = f"{report.failed} failed" if report.failed else ""
    progress.advance(report.done + report.failed - progress.done, detail)


def _show(report: Report, form: str) -> None:
    if form == output.JSON:
        output.result(report.document())
        return
    output.listing(form, {"what": "what", "value": "value"}, report.figures(), "")
    click.echo()
    columns = {"step": "step", "count": "count", **{f"p{p}Ms": f"p{p} ms" for p in PERCENTILES}}
    output.listing(form, columns, report.times(), "no step of any device succeeded")
    rows = report.error_rows()
    if rows:
        click.echo()
        columns = {"times": "times", "gaveUp": "gave up", "kind": "kind", "step": "step", "cause": "cause"}
        output.listing(form, columns, rows, "")
        for advice in dict.fromkeys(row["advice"] for row in rows if row["advice"]):
            output.note(advice)


def _code(report: Report) -> int:
    if not report.failed:
        return GOOD
    return PARTLY_DONE if report.done else FAILED
