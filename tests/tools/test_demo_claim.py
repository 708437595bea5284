"""`make demo-claim`: the image of a board that nobody owns; and all of it, with a person at the page."""

import io
import json
import re
import threading
import time
from types import SimpleNamespace

import pytest
from rich.console import Console

from device.core import claim_ids, fields, paths, startup
from muster import demo_claim, image
from muster.twin.server import running_twin
from tools.twin.browser import Browser
from tools.twin.helpers import quick

CLAIM = "7423FFA8DT"


def test_the_board_knows_its_builder_and_nothing_of_the_cloud(tmp_path) -> None:
    with running_twin(tmp_path / "twin", quick(https_port=0, page_port=0)) as twin:
        token, _ = demo_claim.add_people(twin)
        demo_claim.flash(twin, tmp_path / "flash.img", CLAIM, token, demo_claim.web("password", False))
        assert twin.registry.products.of_token(token) == demo_claim.PRODUCT
        address = twin.builder_url
        ca = twin.ca_pem_path.read_bytes()
    files = image.read_image((tmp_path / "flash.img").read_bytes(), demo_claim.BOARD)
    assert json.loads(files[paths.CONFIG])[fields.API] == {fields.BUILDER: address}
    assert json.loads(files[paths.DEVICE]) == {fields.CLAIM: CLAIM, fields.PRODUCT: token}
    assert files[f"{paths.ROOTS}/builder.pem"] == ca
    assert fields.ENDPOINT_URL not in json.loads(files[paths.CONF])[fields.DEVICE]
    assert not any(name.startswith(f"{paths.BOOTSTRAP}/") for name in files)


@pytest.mark.skipif("claim" not in startup.ORDER, reason="the board has no service `claim` yet")
def test_a_person_claims_the_board(tmp_path, monkeypatch) -> None:
    done = threading.Event()
    monkeypatch.setattr(demo_claim, "HOME", tmp_path / "demo")
    monkeypatch.setattr(demo_claim, "stay_on", lambda board: done.wait(60))
    stream = io.StringIO()
    console = Console(file=stream, width=100, color_system=None, highlight=False)
    thread = threading.Thread(target=demo_claim.run, args=(console,), daemon=True)
    thread.start()
    try:
        _wait(lambda: "Ctrl-C" in stream.getvalue())
        found = {
            name: re.search(rf"{name} +(\S+)", stream.getvalue())[1] for name in ("it", "Password", "ID")
        }
        assert claim_ids.read(found["ID"])
        port = int(found["it"].rpartition(":")[2].strip("/"))
        browser = Browser(SimpleNamespace(page_port=port))
        browser.sign_in(demo_claim.ACCOUNT, found["Password"])
        assert "is yours now" in browser.claim(found["ID"]).seen
        _wait(lambda: "Connected now" in browser.get("/boards").seen)
    finally:
        done.set()
        thread.join(30)
    assert "claimed; connecting" in stream.getvalue()


def _wait(holds) -> None:
    end_s = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.2)
