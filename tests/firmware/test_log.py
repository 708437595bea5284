"""The log on a Pico W's own firmware: the ring outlives a reset, and a hang is named before it."""

import dataclasses
import json

from device.core import fields, paths
from muster import image, mpy
from muster.boards import Service, profile
from tests.firmware import (
    needs,  # first: it skips this file where something is missing
)
from tests.firmware.emulator import BOARD
from tests.firmware.network import Network
from tests.firmware.stage import running
from tests.system import mishaps, rig

# Hangs in Python at its first start, tells the earlier lines at the next and restarts the board, then waits.
SERVICE = """
    self.ready.set()
    await state.ports.clock.sleep_ms(2000)
    log, board = state.log, state.ports.board
    size = board.largest_piece()
    if board.has_piece(size - 512) and not board.has_piece(size + 4096):
        self.say("largest %d" % size)
    told = [line[3] for line in log.lines(0) if line[2] == self.name and line[0] <= log.earlier]
    self.say("earlier: " + repr(told[-2:]))
    if not told:
        self.say("first line")
        while True:
            pass
    if len(told) < 4:
        self.say("asked to")
        state.ports.board.reset()
    await state.ports.clock.sleep_ms(3600000)
"""


def _files():
    usual = profile(BOARD)
    more = Service("hanger", needs=(), in_cloud=False, in_safe_mode=False)
    facts = mpy.build_module(
        dataclasses.replace(usual, services=(*usual.services, more)), mpy.default_build_time()
    )
    extra = {**mishaps.compiled(facts.name, facts.text.decode()), **mishaps.service("hanger", SERVICE)}
    return image.board_files(BOARD, documents=rig.documents(8883, "pico-log"), extra=extra)


def test_the_ring_outlives_resets_and_a_hang_is_named(tmp_path):
    with running(needs.FIRMWARE, _files(), "hang, restart by the program", Network()) as board:
        board.wait_for(r"hanger +largest \d+", 20_000)
        said = int(board.console.split("largest ")[1].split()[0])
        assert said >= board.figures.least_block - 2048, "as seen from outside, with garbage"
        assert said < 150_000
        board.wait_for(r"hanger +earlier: \[\]", 20_000)
        board.wait_for(r"hanger +first line", 1_000)
        board.wait_for(r"health +hanger keeps the loop busy for 5 s", 9_000)
        board.wait_for(r"start +the watchdog restarted the board: hanger kept the loop busy for 5 s", 30_000)
        board.wait_for(r"hanger +earlier: \['earlier: \[\]', 'first line'\]", 20_000)
        board.wait_for(r"hanger +asked to", 1_000)
        board.wait_for(r"start +the program restarted the board: hanger: asked to", 30_000)
        board.wait_for(r"hanger +earlier: \[.*, 'asked to'\]", 20_000)
        assert len(board.figures.resets) == 2
        board.cut()
        board.wait_for(r"hanger +earlier: \[\]", 20_000)
        board.power_off()
        path = tmp_path / "flash.img"
        path.write_bytes(board.file_system())
    found = json.loads(rig.on_flash(path)[paths.RESTARTS])[fields.RESTARTS]
    assert [entry[fields.CAUSE] for entry in found] == ["program", "watchdog"], "power-on is not written"
    assert paths.WORDS not in rig.on_flash(path)
