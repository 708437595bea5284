"""Applications on a Pico W's own firmware: one that hangs, and one that measures how long a put takes."""

import re
from pathlib import Path

from device.core import fields, paths
from tests.firmware import (
    needs,  # first: it skips this file where something is missing
    report,
)
from tests.firmware.network import Network
from tests.firmware.stage import documents, files_for, running
from tests.system import applications, rig

PORT = 8883
HANGS_ONCE = """
    try:
        open("/hung").close()
    except OSError:
        open("/hung", "w").close()
        await asyncio.sleep(2)
        muster.log("the last line")
        while True:
            pass
    muster.log("does not hang again")
"""
LOGGED = {paths.CONFIG: {fields.LOG: {fields.LEVEL: "debug", fields.FLASH_BYTES: 8192}}}
LOG_MS = 15_000  # after a warning, the lines are on the flash
# Says how long a put of a small document took: most often, and at the longest.
PUTS = """
    import time
    table = await muster.table("readings")
    took = []
    for number in range(300):
        start = time.ticks_ms()
        table.put("%06d" % number, {"unix": 1764000000 + number, "celsius": 21.5})
        took.append(time.ticks_diff(time.ticks_ms(), start))
        await asyncio.sleep(0)
    took.sort()
    muster.log("puts took %d ms, the longest %d ms" % (took[150], took[-1]))
"""


def files(folder: Path, lines: str) -> dict[str, bytes]:
    """The flash of a board without claim credentials, with an application that does these `lines`."""
    folder.mkdir()
    application = applications.compiled(folder, applications.body(lines))
    made = documents(PORT, "pico-app") | LOGGED
    return files_for(needs.FIRMWARE, documents=made, extra=application)


def test_an_application_that_hangs_is_named_and_the_log_outlives_it(tmp_path: Path) -> None:
    flash = files(tmp_path / "app", HANGS_ONCE)
    with running(needs.FIRMWARE, flash, "application hangs", Network()) as board:
        board.wait_for("app +the last line", 20_000)
        board.wait_for(r"health +app keeps the loop busy for 5 s", 9_000)
        board.wait_for(r"start +the watchdog restarted the board: app kept the loop busy for 5 s", 30_000)
        board.wait_for("app +does not hang again", 20_000)
        assert len(board.figures.resets) == 1
        board.run(LOG_MS)
        board.power_off()
        path = tmp_path / "flash.img"
        path.write_bytes(board.file_system())
    kept = rig.on_flash(path)[paths.LOG_FILES[1]].decode()
    assert re.search("app the last line\n.*health app keeps the loop busy for 5 s\n", kept), kept


def test_how_long_a_put_takes(tmp_path: Path) -> None:
    with running(needs.FIRMWARE, files(tmp_path / "app", PUTS), "300 puts", Network()) as board:
        board.wait_for(r"puts took \d+ ms, the longest \d+ ms", 120_000)
        assert board.figures.resets == []
        found = re.search(r"puts took (\d+) ms, the longest (\d+) ms", board.console)
        assert found is not None
        report.notes.append(
            f"put: {found[1]} ms, the longest {found[2]} ms (writing the flash takes no time)"
        )
