"""Small programs to deploy, and boards that say which of them runs."""

from device.core import paths
from muster import deploy as deployment
from muster import mpy, pack
from muster.board_link import BoardLink
from muster.layout import LIB
from serial_board import SerialBoard

# Says at each start whether the network is to be left alone, and which program runs.
BOOT_PY = f"""\
import os
try:
    with open({paths.OFFLINE!r}, "rb") as file:
        once = file.read() == {paths.ONCE!r}
    if once:
        os.remove({paths.OFFLINE!r})
    state = "offline"
except OSError:
    state = "online"
try:
    import pack
    pack.mount()
    from device.a import VERSION
except ImportError as error:
    print(error)
    VERSION = 0
print("started", state, VERSION)
""".encode()
MAIN_PY = b"import time\nwhile True:\n    time.sleep(1)\n"
CONFIGURATION = {
    paths.CONF: b'{"device": {"SERIAL_ID": "one"}}',
    f"{paths.CERT}/{paths.PRIVATE_KEY}": b"MARKER-OF-A-SECRET",
    "/lib/of_the_user.py": b"X = 1\n",
}


MOUNTER = mpy.compile_module(mpy.device_sources({"pack.py": (LIB / "pack.py").read_text()})[0])


def single(version: int = 1) -> dict[str, bytes]:
    """A program as Muster deployed it before it packed its modules; `big` makes several blocks."""
    module = mpy.compile_module(mpy.Source("device/a.py", b"VERSION = %d\n" % version))
    return {
        "/lib/device/a.mpy": module,
        "/lib/device/core/big.mpy": bytes(range(32, 127)) * 100,
        "/lib/umqtt/simple.mpy": b"",
        paths.BOOT: BOOT_PY,
        paths.MAIN: MAIN_PY,
    }


def program(version: int = 1) -> dict[str, bytes]:
    """A small program in the form of the real one."""
    return pack.packed({**single(version), "/lib/pack.mpy": MOUNTER})


def deploy(board: SerialBoard, files: dict[str, bytes], lines: list[str] | None = None) -> deployment.Summary:
    report = (lines if lines is not None else []).append
    return deployment.deploy(BoardLink(board.port), report=report, build=lambda kind: files)
