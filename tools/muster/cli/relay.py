"""`muster relay`: a bad network between board and twin, from the command line."""

import asyncio
import signal

import click

from muster.cli.hosts import Host
from muster.cli.numbers import Finite
from muster.cli.output import counted
from muster.errors import WRONG_USE, MusterError
from muster.relay import Relay


@click.command()
@click.option(
    "--listen",
    "port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port to listen on; 0 chooses a free one.",
)
@click.option("--host", type=Host(), default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--to", "target", required=True, metavar="HOST:PORT", help="Where connections go.")
@click.option("--latency-ms", type=Finite(min=0), default=0, help="Round-trip time.")
@click.option("--bandwidth", type=Finite(min=1), help="Bytes per second in each direction.")
@click.option("--cut-after", type=click.IntRange(min=1), help="Cut once, after this many bytes.")
@click.option("--black-hole", is_flag=True, help="Accept connections and deliver nothing.")
@click.option("--refuse", is_flag=True, help="Reset every new connection.")
def relay(
    port: int,
    host: str,
    target: str,
    latency_ms: float,
    bandwidth: float | None,
    cut_after: int | None,
    black_hole: bool,
    refuse: bool,
) -> None:
    """Relay TCP connections with latency, low bandwidth, cuts or silence, until Ctrl-C."""
    name, separator, number = target.rpartition(":")
    if not (separator and name and number.isdecimal() and 0 < int(number) < 65536):
        raise MusterError(f"--to must have the form HOST:PORT, not {target!r}.", WRONG_USE)
    one = Relay(
        name.strip("[]"), int(number), host=host, port=port, latency_ms=latency_ms, bandwidth=bandwidth
    )
    one.cut_after_total = cut_after
    one.black_hole = black_hole
    one.refuse = refuse
    asyncio.run(_run(one))


async def _run(one: Relay) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with one:
        print(f"relay ready {one.host}:{one.port} to {one.target[0]}:{one.target[1]}", flush=True)
        await ended.wait()
    carried = f"{one.bytes_up} bytes up, {one.bytes_down} bytes down, {counted(one.turns, 'turn')}"
    print(f"{counted(one.connections, 'connection')}, {carried}")
