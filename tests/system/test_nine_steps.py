"""The nine steps of the seed's start-up, from a blank board to its lines in CloudWatch; a person claims it.

Seed 000, "Startup Order": serialize, web server, register, provision, keys, MQTT, sync, shadow, log export.
"""

import json
import re
import time

import pytest

from device.core import claim_ids, fields, paths
from muster import demo_claim
from muster.twin.server import running_twin
from muster.twin.settings import DEFAULT_ROLE_ALIAS, Settings
from tests.system import applications, browser, exported, mishaps, rig
from tests.system.shadows import desire
from tests.tools.twin.browser import Browser

STEPS = {  # step -> the line by which the board says that it is done
    "serialize": r"serialize +claim ID (\S+), new",
    "web": r"web +page at http\S+",
    "register": r"register +registered with the builder",
    "provision": r"provision +identity \S+",
    "keys": r"keys +for role alias muster-board, valid for",
    "mqtt": r"mqtt +connected to localhost as",
    "sync": r"sync +readings: \d+ changes sent",
    "shadow": r"app +asked for \{'led': 'on'\}",
}
APP = applications.body(
    """
    readings = await muster.table("readings")
    readings.put("1-1", {"celsius": 21})
    shadow = muster.shadow()
    shadow.on_change(lambda changes: muster.log("asked for %s" % changes))
    await asyncio.sleep(3600)
    """
)


@pytest.fixture
def cloud(tmp_path):
    """A twin with all its sides."""
    settings = Settings(
        authority_key="ec", claim_key="ec", key_pool=4, https_port=0, page_port=0, claim_delay_s=1
    )
    with running_twin(tmp_path / "twin", settings) as running:
        yield running


def test_from_a_blank_board_to_lines_in_cloudwatch(cloud, serial, tmp_path, capsys):
    token, password = demo_claim.add_people(cloud)
    path = tmp_path / "flash.img"
    path.write_bytes(blank(cloud, serial, token, tmp_path))
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


def blank(cloud, serial, token, folder) -> bytes:
    """A board that knows its network, its product and its builder, and is asked for everything."""
    documents = rig.documents(1, serial)
    del documents[paths.CONF][fields.DEVICE][fields.ENDPOINT_URL], documents[paths.CONF][fields.MQTT]
    documents[paths.DEVICE] = {fields.PRODUCT: token}
    documents[paths.CONFIG] = {
        fields.SERVICES: {"serialize": "auto", fields.CLOUD: {fields.SYNC: {"readings": "up"}}},
        fields.API: {fields.BUILDER: cloud.builder_url},
        fields.KEYS: {
            fields.ROLE_ALIAS: DEFAULT_ROLE_ALIAS,
            fields.ENDPOINT: "localhost",
            fields.PORT: cloud.https_port,
        },
        fields.LOGS: exported.cloudwatch(cloud),
        fields.LOG: {fields.LEVEL: "debug"},
    }
    extra = {
        **mishaps.told(intervals={**mishaps.PATIENT, "poll_second_ms": 100, "logs_ms": 100}),
        **applications.compiled(folder / "app", APP),
        **browser.WEB,
        f"{paths.ROOTS}/builder.pem": cloud.ca_pem_path.read_bytes(),
    }
    return rig.build(documents, extra=extra)


def note(done_ms: dict[str, float], line: str) -> None:
    """Keep when the board says that a step is done, by the clock that the twin has too."""
    for step, pattern in STEPS.items():
        if re.search(pattern, line):
            done_ms.setdefault(step, time.time() * 1000)
