"""The nine steps of the start-up, from a blank board to its lines in CloudWatch; a person claims it."""

import json
import re
import time

from device.core import claim_ids
from muster import demo_claim
from tests.system import applications, browser, exported, mishaps, rig
from tests.system.shadows import desire
from tests.system.steps import STEPS, blank
from tests.tools.twin.browser import Browser

APP = applications.body(
    """
    readings = await muster.table("readings")
    readings.put("1-1", {"celsius": 21})
    shadow = muster.shadow()
    shadow.on_change(lambda changes: muster.log("asked for %s" % changes))
    await asyncio.sleep(3600)
    """
)


def test_from_a_blank_board_to_lines_in_cloudwatch(cloud, serial, tmp_path, capsys):
    token, password = demo_claim.add_people(cloud)
    path = tmp_path / "flash.img"
    path.write_bytes(blank(cloud, serial, token, applications.compiled(tmp_path / "app", APP)))
    done_ms: dict[str, float] = {}
    with mishaps.powered(path, on_line=lambda line: note(done_ms, line)) as machine:
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
    done_ms["logs"] = min(event.ingested_ms for event in exported.stored(cloud, serial))
    order = sorted(done_ms, key=lambda step: done_ms[step])
    with capsys.disabled():
        print("\nnine steps: " + ", ".join(order))
    assert order[:4] == ["serialize", "web", "register", "provision"]
    assert set(order[4:]) == {"keys", "mqtt", "sync", "shadow", "logs"}, "two begin with the identity"
    assert order.index("mqtt") < min(order.index("sync"), order.index("shadow"))
    assert order.index("keys") < order.index("logs")
    assert claim_ids.read(claim)
    found = cloud.registry.tables.get(serial, "readings", "1-1")
    assert found is not None and json.loads(found.text) == {"celsius": 21}


def note(done_ms: dict[str, float], line: str) -> None:
    """Keep when the board says that a step is done, by the clock that the twin has too."""
    for step, pattern in STEPS.items():
        if re.search(pattern, line):
            done_ms.setdefault(step, time.time() * 1000)
