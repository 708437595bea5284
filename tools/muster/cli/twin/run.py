"""`muster twin run`: the twin in the foreground."""

import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path

import click

from muster.cli import options, output
from muster.cli.hosts import Host
from muster.cli.numbers import Finite
from muster.cli.ttl import ttl_option
from muster.cli.twin.claim import key_option
from muster.twin.server import Twin
from muster.twin.settings import KeyKind, Limits, Settings

PORT = 8883
_WEEK_S = 7 * 24 * 3600
_COLLECTOR_THRESHOLDS = (20_000, 20, 100)  # as gc.set_threshold takes them


@click.command()
@options.home_option
@click.option(
    "--mqtt-port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Port of MQTT over TLS; 0: a free one.",
)
@click.option(
    "--https-port",
    type=click.IntRange(0, 65535),
    help="Port of the builder, which boards register with over HTTPS; 0: a free one  [default: off]",
)
@click.option(
    "--page-port",
    type=click.IntRange(0, 65535),
    help="Port of the page on which people claim boards, plain HTTP; 0: a free one  [default: off]",
)
@click.option(
    "--page-bind", type=Host(), help="Address of that page  [default: 127.0.0.1, this computer only]"
)
@click.option(
    "--host",
    type=Host(),
    default=Settings.host,
    show_default=True,
    help="Name or address that boards connect to; it goes into the server certificate.",
)
@click.option(
    "--bind", type=Host(), help="Address to listen on  [default: loopback for localhost, else every address]"
)
@click.option(
    "--hook",
    metavar="FUNCTION",
    help="Pre-provisioning hook of all templates: module:function or file.py:function.",
)
@ttl_option
@click.option(
    "--open",
    "open_admission",
    is_flag=True,
    help="Let every board with the claim certificate register any name, even if there are groups.",
)
@click.option(
    "--token-life-s",
    type=Finite(min=1, max=_WEEK_S),
    default=Settings.token_life_s,
    show_default=True,
    help="How long an ownership token is valid.",
)
@click.option(
    "--reuse-tokens",
    is_flag=True,
    help="Accept an ownership token again that RegisterThing has used already.",
)
@key_option
@click.option(
    "--throttle/--no-throttle",
    default=True,
    show_default=True,
    help="Limit publishes and provisioning calls to a rate, as AWS does.",
)
@click.option(
    "--aws-connect-rate", is_flag=True, help="Allow one CONNECT a second per client id, as AWS does."
)
@click.option(
    "--require-sni", is_flag=True, help="Refuse clients that do not name the host in TLS, as AWS does."
)
@click.option(
    "--refuse-code",
    type=click.IntRange(1, 255),
    metavar="CODE",
    help="Answer a refused CONNECT with this CONNACK code  [default: close without an answer, as AWS does]",
)
@click.option(
    "--handshake-wait-s",
    type=Finite(min=0.1, max=3600),
    default=Limits.connect_wait_s,
    show_default=True,
    help="How long a client may take from TCP to the end of its CONNECT.",
)
@click.option(
    "--session-expiry-s",
    type=click.IntRange(0, _WEEK_S),
    default=Limits.session_expiry_s,
    show_default=True,
    help="How long a persistent session is kept without a connection.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log every connection and request on standard error.")
def run(  # long: a line for each option
    home: Path,
    mqtt_port: int,
    https_port: int | None,
    page_port: int | None,
    page_bind: str | None,
    host: str,
    bind: str | None,
    hook: str | None,
    ttl_h: float | None,
    open_admission: bool,
    token_life_s: float,
    reuse_tokens: bool,
    claim_key: KeyKind,
    throttle: bool,
    aws_connect_rate: bool,
    require_sni: bool,
    refuse_code: int | None,
    handshake_wait_s: float,
    session_expiry_s: int,
    verbose: bool,
) -> None:
    """Run the twin until Ctrl-C or SIGTERM; print its addresses when it accepts connections.

    The first run creates ca.pem, claim/certificate.pem.crt, claim/private.pem.key and the registry in the
    home. As soon as the registry has a group, only its devices may register, each with its enrolment key.
    """
    level = logging.INFO if verbose else logging.WARNING
    console = logging.StreamHandler(sys.stderr)
    console.setLevel(level)  # its own, because the operator's page shows more than the console
    logging.basicConfig(level=level, format="%(asctime)s %(message)s", handlers=[console])
    if open_admission:
        output.note("--open: groups are ignored; whoever holds the claim certificate may register any name")
    settings = Settings(
        host=host,
        bind=bind,
        mqtt_port=mqtt_port,
        https_port=https_port,
        page_port=page_port,
        page_bind=page_bind,
        hook=hook,
        certificate_ttl_h=ttl_h,
        open_admission=open_admission,
        token_life_s=token_life_s,
        reuse_tokens=reuse_tokens,
        claim_key=claim_key,
        throttle=throttle,
        connects_per_s_and_client=1 if aws_connect_rate else None,
        require_sni=require_sni,
        refuse_return_code=refuse_code,
        limits=Limits(connect_wait_s=handshake_wait_s, session_expiry_s=session_expiry_s),
    )
    asyncio.run(_run(home, settings))


def _spare_collector() -> None:
    """Let Python's garbage collector run less often, and leave out what stays for good.

    A full pass visits the objects of every connected client, and provisioning causes many passes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTOR_THRESHOLDS)


async def _run(home: Path, settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = Twin(home, settings)
    await running.start()
    _spare_collector()
    print(f"twin ready {running.url}", flush=True)
    for what, url in (("builder", running.builder_url), ("page", running.page_url)):
        if url is not None:
            print(f"twin {what} {url}", flush=True)
    try:
        await running.serve(stop)
    finally:
        await running.stop()
