"""A board with MicroPython's prompt on a serial port, for mpremote: the unix port behind a pseudo-terminal.

It runs from a LittleFS image and comes back after a reset, as a board does.
"""

import os
import pty
import select
import signal
import subprocess
import threading
import tty
from collections.abc import Callable
from pathlib import Path

from muster import interpreter
from muster.image.filesystem import build_image, read_image
from muster.layout import REPO, VIRTUAL_BOARD
from muster.virtual_network import Servers

BOARD = "virtual"
MOUNTED = b"mounted"  # of board_prompt.py
PROMPT = b">>> "
CTRL_C = b"\x03"
BOOTLOADER = 5  # exit code, of vboard
_UNREAD_S = 0.5  # so long waits MicroPython (shared/tinyusb: MICROPY_HW_USB_CDC_TX_TIMEOUT)


class SerialBoard:
    """A running board; `port` is what mpremote connects to. Use it with `with`."""

    def __init__(
        self,
        image: Path,
        files: dict[str, bytes],
        called: str = "",
        on_bootloader: Callable[[], object] = lambda: None,
        unique_id: str = "",
        journal: Path | None = None,
    ) -> None:
        """Make `image` with `files` on it {absolute path: content}.

        `called`: "PLATFORM;MACHINE", what it says that it is. `on_bootloader` is called when it has restarted
        into its boot loader; it stays there. `unique_id`: hexadecimal. `journal`: file for what happens to
        its flash, see board_prompt.py.
        """
        self.image = image
        self._called, self._unique_id, self._on_bootloader = called, unique_id, on_bootloader
        self._journal = str(journal or "")
        self._console = b""
        self._said_more = threading.Condition()
        image.write_bytes(build_image(files, BOARD))
        self._until_pulled: int | None = None  # bytes
        self._plugged = threading.Event()
        self.port = f"{image}.port"
        self._open_port()
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "SerialBoard":
        self._servers = Servers({}, ())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._stop_write, b"x")
        self._plugged.set()
        self._thread.join()
        self._servers.close()
        for end in (self._outer, self._outer_end, self._stop_read, self._stop_write):
            os.close(end)

    def files(self) -> dict[str, bytes]:
        """What is on the flash. Ask only while no program writes to it."""
        return read_image(self.image.read_bytes(), BOARD)

    def wait_for(self, text: str, timeout_s: float = 60) -> None:
        """Wait until the board has printed `text`; what it printed up to there is not looked at again."""
        with self._said_more:
            if not self._said_more.wait_for(lambda: text.encode() in self._console, timeout_s):
                raise AssertionError(f"the board did not print {text!r} but {self._console[-500:]!r}")
            self._console = self._console.partition(text.encode())[2]

    def pull_after(self, count: int) -> None:
        """Pull the cable, which is its power too, once `count` more bytes have come from the host."""
        self._plugged.clear()
        self._until_pulled = count

    def plug_in(self) -> None:
        """Plug the cable in again that `pull_after` has pulled, or is never to pull now."""
        self._until_pulled = None
        self._plugged.set()

    def _open_port(self) -> None:
        self._outer, outer_end = pty.openpty()
        os.set_blocking(self._outer, False)
        tty.setraw(outer_end)
        self._outer_end = outer_end  # kept open: a port stays when nobody is connected
        Path(self.port).unlink(missing_ok=True)
        os.symlink(os.ttyname(outer_end), self.port)

    def _pull(self) -> None:
        os.unlink(self.port)
        os.close(self._outer_end)
        os.close(self._outer)
        self._plugged.wait()
        self._open_port()

    def _to_host(self, data: bytes) -> None:
        """Pass it on. Where nobody reads it, it is lost, as on a board's own USB."""
        while data:
            if not select.select([], [self._outer], [], _UNREAD_S)[1]:
                return
            data = data[os.write(self._outer, data) :]

    def _from_host(self) -> bytes:
        data = os.read(self._outer, 4096)
        if self._until_pulled is not None:
            data = data[: self._until_pulled]
            self._until_pulled -= len(data)
        return data

    def _run(self) -> None:
        while self._run_until_reset():
            if self._until_pulled == 0:
                self._pull()

    def _start(self) -> tuple[subprocess.Popen[bytes], int]:
        inner, inner_end = pty.openpty()
        tty.setraw(inner_end)
        environment = {
            **os.environ,
            "MICROPYPATH": f"{VIRTUAL_BOARD}:.frozen",
            "MUSTER_BOARD_IMAGE": str(self.image),
            "MUSTER_BOARD_CALLED": self._called,
            "MUSTER_BOARD_JOURNAL": self._journal,
            "MUSTER_BOARD_UDP_PORT": str(self._servers.port),
            "MUSTER_BOARD_UNIQUE_ID": self._unique_id,
        }
        process = subprocess.Popen(
            [*interpreter.command(64), "-i", str(REPO / "tests/board_prompt.py")],
            stdin=inner_end,
            stdout=inner_end,
            stderr=inner_end,
            env=environment,
            start_new_session=True,
        )
        os.close(inner_end)
        return process, inner

    def _run_until_reset(self) -> bool:
        """Carry bytes both ways until the board resets (True) or the test is over (False)."""
        process, inner = self._start()
        said = waiting = b""
        try:
            while True:
                ready, _, _ = select.select([inner, self._outer, self._stop_read], [], [])
                if self._stop_read in ready:
                    return False
                if inner in ready:
                    data = os.read(inner, 4096)
                    said += b"" if PROMPT in said else data
                    self._to_host(data)
                    with self._said_more:
                        self._console += data
                        self._said_more.notify_all()
                if self._outer in ready:
                    waiting += self._from_host()
                if PROMPT in said:
                    os.write(inner, waiting)
                    waiting = b""
                elif CTRL_C in waiting and MOUNTED in said:
                    # The unix port takes no key while a program runs, and drops what was typed meanwhile.
                    process.send_signal(signal.SIGINT)
                    waiting = waiting.replace(CTRL_C, b"")
                if self._until_pulled == 0:
                    return True
        except OSError:  # the interpreter ended
            if process.wait() != BOOTLOADER:
                return True
            self._on_bootloader()
            return False
        finally:
            process.kill()
            process.wait()
            os.close(inner)
