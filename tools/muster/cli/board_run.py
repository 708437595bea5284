"""`muster board run`: an image on the virtual board, or on an emulated Pico W."""

import contextlib
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from muster import virtual_settings
from muster.cli import output
from muster.cli.board import image_option, mounted
from muster.cli.termination import outcome
from muster.errors import MusterError
from muster.virtual import EXIT_END, EXIT_POWER_CUT, VirtualBoard


def _complete_setting(_: click.Context, __: click.Parameter, begin: str) -> list[CompletionItem]:
    return [
        CompletionItem(f"{name}=", help=what)
        for name, (what, _) in virtual_settings.SETTINGS.items()
        if f"{name}=".startswith(begin)
    ]


def _settings(_: click.Context, __: click.Parameter, words: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator:
            raise click.UsageError(f"--set must have the form NAME=VALUE, not {word!r}.")
        found[name] = value
    virtual_settings.check(found)
    return found


@click.command()
@image_option
@click.option(
    "--firmware",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Run on an emulated Pico W with this firmware, a UF2, in place of the virtual board.",
)
@click.option(
    "--serial",
    "link",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --firmware: the console on a serial port of this name as well, for mpremote.",
)
@click.option("--bits", type=click.Choice(["64", "32"]), help="MicroPython to run on.  [default: 64]")
@click.option("--heap-kb", type=click.IntRange(min=1), help="Size of MicroPython's heap.")
@click.option("--no-restart", is_flag=True, help="End at a reset instead of booting again.")
@click.option("--cut-at", type=click.IntRange(min=1), help="Cut power at this block operation of a start.")
@click.option("--tear", is_flag=True, help="With --cut-at: leave that operation half done.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_settings,
    shell_complete=_complete_setting,
    help=f"Change the surroundings, such as NETWORK=down. Names: {', '.join(virtual_settings.SETTINGS)}.",
)
def run(
    image_path: Path,
    firmware: Path | None,
    link: Path | None,
    bits: str | None,
    heap_kb: int | None,
    no_restart: bool,
    cut_at: int | None,
    tear: bool,
    settings: dict[str, str],
) -> int:
    """Boot the image and print the console, on the virtual board or an emulated Pico W.

    The emulated one runs until Ctrl-C. Its network is RP2040PY-GUEST with any password; whatever address it
    connects to, it reaches the same port of this computer (run the twin with --host 10.99.0.1).

    Exit code: that of the board (137 when power was cut), 130 after Ctrl-C, 143 after SIGTERM.
    """
    mounted(image_path)
    if firmware:
        others = {"--bits": bits, "--heap-kb": heap_kb, "--no-restart": no_restart, "--cut-at": cut_at}
        _refuse_together("--firmware", {**others, "--tear": tear, "--set": settings})
        return _emulated(firmware, image_path, link)
    _refuse_together("the virtual board", {"--serial": link})
    virtual = VirtualBoard(
        image_path,
        bits=int(bits or 64),
        heap_kb=heap_kb,
        cut_at=cut_at,
        tear=tear,
        environment=settings,
        restart=not no_restart,
        on_line=lambda line: print(line, flush=True),
    )
    code = _console(virtual)
    if cut_at and code != EXIT_POWER_CUT:
        most = max(virtual.operation_counts, default=0)
        output.note(f"the power was not cut: the board made only {output.counted(most, 'block operation')}")
    return code


def _console(virtual: VirtualBoard) -> int:
    """The exit code, once the board is off."""
    try:
        virtual.start()
        while virtual.running:
            time.sleep(0.05)
        return virtual.wait()
    except KeyboardInterrupt as stop:
        virtual.stop()
        output.note("the virtual board was switched off")
        return outcome(stop)[1]


def _refuse_together(what: str, others: Mapping[str, object]) -> None:
    for name, value in others.items():
        if value:
            raise click.UsageError(f"{name} does not go with {what}.")


def _emulated(firmware: Path, image_path: Path, link: Path | None) -> int:
    try:
        from muster.emulated.serial_port import SerialPort
        from muster.emulated.session import Session
    except ImportError:
        raise MusterError(
            "the emulator rp2040py is not installed: `make emulator` brings it along."
        ) from None

    def show(data: bytes) -> None:
        sys.stdout.write(data.decode(errors="replace").replace("\r", ""))
        sys.stdout.flush()

    with SerialPort(link) if link else contextlib.nullcontext() as port:
        session = Session(firmware, image_path, show, port)
        output.note(f"a Pico W with MicroPython {session.version}, emulated; Ctrl-C switches it off")
        try:
            session.run()
        except KeyboardInterrupt as stop:
            output.note("the emulated board was switched off")
            return outcome(stop)[1]
    output.note(
        "it waits in its boot loader for a firmware, which the emulator does not take: start it again"
    )
    return EXIT_END
