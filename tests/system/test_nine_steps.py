"""The nine steps of the start-up, from a blank board to its lines in CloudWatch; a person claims it."""

import json
import re
import time
from pathlib import Path

from device.core import claim_ids, paths
from muster import demo_claim, image, mpy
from muster.layout import MAIN
from tests.system import applications, browser, exported, in_place, mishaps, rig
from tests.system.shadows import desire
from tests.system.steps import APP, STEPS, blank
from tests.tools.twin.browser import Browser

WATCH = Path(__file__).with_name("on_board_long_turns.py")
LONGEST = re.compile(r"^longest turn (\d+) us: (.+)$", re.MULTILINE)
IN_PLACE_KB = 196  # of which 19 KB are stand-ins of the virtual board, and 24 the floor of health


def test_from_a_blank_board_to_lines_in_cloudwatch(cloud, serial, tmp_path, capsys):
    token, password = demo_claim.add_people(cloud)
    path = tmp_path / "flash.img"
    path.write_bytes(blank(cloud, serial, token, applications.compiled(tmp_path / "app", APP)))
    done_ms: dict[str, float] = {}
    with mishaps.powered(path, on_line=lambda line: note(done_ms, line)) as machine:
        walk(machine, cloud, serial, password)
    done_ms["logs"] = min(event.ingested_ms for event in exported.stored(cloud, serial))
    order = sorted(done_ms, key=lambda step: done_ms[step])
    with capsys.disabled():
        print("\nnine steps: " + ", ".join(order))
    assert order[:4] == ["serialize", "web", "register", "provision"]
    assert set(order[4:]) == {"keys", "mqtt", "sync", "shadow", "logs"}, "two begin with the identity"
    assert order.index("mqtt") < min(order.index("sync"), order.index("shadow"))
    assert order.index("keys") < order.index("logs")


def test_everything_on_with_the_code_in_place(cloud, serial, tmp_path, capsys):
    """32 bits, and the compiled modules outside the heap, as on a firmware that has the program frozen in."""
    mishaps.need_interpreter(32)
    token, password = demo_claim.add_people(cloud)
    image_of_it = blank(cloud, serial, token, applications.compiled(tmp_path / "app", APP))
    files = {**image.read_image(image_of_it, rig.BOARD), **watched()}
    path = tmp_path / "flash.img"
    path.write_bytes(image.build_image(in_place.moved(files), rig.BOARD))
    with mishaps.powered(path, bits=32, heap_kb=IN_PLACE_KB) as machine:
        walk(machine, cloud, serial, password)
    assert not re.search("not enough memory|memory is short", machine.console), machine.console
    longest_us, owner = LONGEST.findall(machine.console)[-1]
    least = min(map(int, re.findall(r"(\d+) bytes free", machine.console)))
    with capsys.disabled():
        print(f"\nnine steps, 32 bits, in place, a heap of {IN_PLACE_KB} KB: at least {least} bytes free;")
        print(f"longest turn of the loop: {int(longest_us) / 1000:.1f} ms, by {owner}")
    assert owner in {*STEPS, "app", "claim", "logs", "renew", "status", "network", "a task of no service"}


def walk(machine, cloud, serial, password):
    """Let a person claim the board, and wait until it has done all steps."""
    claim = re.search(STEPS["serialize"], machine.wait_for("claim ID"))[1]
    machine.wait_for("not claimed yet; asking again")
    page = browser.Browser(browser.port_of(machine)).get("/api/claim")["claim"]
    assert page["registered"] is True and page["claimed"] is False
    owner = Browser(cloud)
    owner.sign_in(demo_claim.ACCOUNT, password)
    assert "is yours now" in owner.claim(claim).seen
    machine.wait_for(rig.DONE)
    desire(cloud, serial, {"led": "on"})
    machine.wait_for(re.compile(STEPS["shadow"]))
    machine.wait_for(re.compile(STEPS["sync"]))
    exported.wait_stored(cloud, serial, "app asked for {'led': 'on'}")
    assert claim_ids.read(claim)
    found = cloud.registry.tables.get(serial, "readings", "1-1")
    assert found is not None and json.loads(found.text) == {"celsius": 21}


def watched() -> dict[str, bytes]:
    """What makes a board say who had the longest turn of its loop."""
    source = mpy.Source(WATCH.name, WATCH.read_bytes())
    compiled = {f"/lib/{name}": data for name, data in mpy.compile_all([source]).items()}
    begin = f'__import__("{WATCH.stem}").watch(lambda: globals().get("state"))\n'
    return {**compiled, paths.MAIN: begin.encode() + MAIN.read_bytes()}


def note(done_ms: dict[str, float], line: str) -> None:
    """Keep when the board says that a step is done, by the clock that the twin has too."""
    for step, pattern in STEPS.items():
        if re.search(pattern, line):
            done_ms.setdefault(step, time.time() * 1000)
