"""The page as a virtual board serves it: the same program as on hardware, and a twin for its cloud."""

import hashlib
import json
import re
import ssl

import pytest

from device.core import fields, passwords, paths, slots
from muster import page as sources
from muster.registry.certificates import ACTIVE, INACTIVE
from muster.twin import pki
from muster.twin.server import running_twin
from muster.twin.settings import Settings
from tests.free_port import free_port
from tests.system import applications, rig

PASSWORD = "marker-7q4k-hwrd"
SALT = bytes(range(16))
ITERATIONS = 50  # of a test: the browser is what is tested here
CODE = "JT08FFQXWQ"
WORKSHOP = [{fields.SSID: "workshop", fields.PASSWORD: rig.WIFI_PASSWORD}]
AIR = {"workshop": rig.WIFI_PASSWORD, "guest": ""}


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    settings = Settings(host="127.0.0.1", authority_key="ec", claim_key="ec", key_pool=1)
    with running_twin(tmp_path_factory.mktemp("twin"), settings) as running:
        yield running


@pytest.fixture
def switch_on(twin, tmp_path):
    """switch_on(networks, more={}) -> a board that is on; `url` is the address of its page.

    It knows `networks`; `more`: files on its flash.
    """
    boards = []

    def begin(networks, more=None):
        digest = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), SALT, ITERATIONS)
        web = {
            fields.LISTEN: [f"127.0.0.1:{free_port()}"],
            fields.PASSWORD: passwords.text(ITERATIONS, SALT, digest),
        }
        documents = {
            paths.WEB: web,
            paths.DEVICE: {fields.CLAIM: f"{CODE[:5]}-{CODE[5:]}"},
            paths.WIFI: {fields.NETWORKS: networks},
        }
        extra = {path: json.dumps(value).encode() for path, value in documents.items()} | (more or {})
        path = rig.flash(tmp_path / "flash.img", twin, "camera-0001", extra=extra)
        board = rig.board(path, restart=True, environment={"NETWORKS": json.dumps(AIR)}).start()
        boards.append(board)
        board.url = re.search(r"http://\S+", board.wait_for("page at http"))[0]
        return board

    yield begin
    for board in boards:
        board.stop()


@pytest.fixture
def machine(switch_on):
    return switch_on(WORKSHOP)


@pytest.fixture
def inside(opened, machine):
    """The page after the log-in."""
    page = opened(machine.url)
    log_in(page)
    return page


def log_in(page) -> None:
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_selector("#inside:not([hidden])")


def test_the_page_is_ours_and_shows_the_way_to_the_cloud(opened, machine) -> None:
    page = opened(machine.url)
    page.wait_for_selector("#steps li:nth-child(6):last-child")
    assert page.evaluate("fetch('/').then((answer) => answer.text())") == sources.html()
    assert page.title() == "camera-0001" and page.inner_text("#claim-id").startswith("JT08F-FQXWQ")
    assert page.get_by_role("img", name="QR code of the claim ID").is_visible()
    machine.wait_for(rig.DONE)
    page.wait_for_selector("#steps li:nth-child(5) .done")
    page.wait_for_selector("#steps li:nth-child(4) .done")
    text = page.inner_text("body")
    assert "workshop" not in text and "localhost" not in text, "a stranger sees where the board is"


def test_a_wrong_password_is_refused(opened, machine) -> None:
    page = opened(machine.url)
    page.fill("#password", "wrong")
    page.press("#password", "Enter")
    page.wait_for_selector("text=The password is wrong.")
    assert not page.is_visible("#inside")


def test_who_logs_in_sees_the_board(inside, machine) -> None:
    machine.wait_for(rig.DONE)
    for name in ("identity", "memory", "services", "app", "log", "restart", "release"):
        inside.click(f"#{name}-card > summary")
    inside.wait_for_selector("#identity >> text=localhost")
    identity = slots.opened(json.loads(rig.on_flash(machine.image)[f"{paths.CERT}/{paths.IDENTITY}"]))
    text = inside.inner_text("#inside")
    assert inside.inner_text("#identity-fact") == "valid until 31 Dec 2049"
    for fact in ("workshop", "camera-0001", identity.certificate_id, "AWS IoT Certificate", "heartbeat"):
        assert fact in text, fact
    secrets = [PASSWORD, rig.WIFI_PASSWORD, "PRIVATE KEY"]
    assert [secret for secret in secrets if secret in inside.content()] == []
    inside.wait_for_selector("#log >> text=PROVISION_STATUS is True")


def test_networks_are_found_added_and_forgotten(inside, machine) -> None:
    inside.click("#scan")
    inside.click("#found >> text=guest")
    inside.click("text=Save network")
    inside.wait_for_selector("#known >> text=guest")
    inside.get_by_role("button", name="Forget guest").click()
    inside.get_by_role("button", name="Forget it: guest").click()
    inside.wait_for_selector("text=guest is forgotten.")
    inside.wait_for_selector("#known li:only-child >> text=workshop")
    machine.stop()
    kept = json.loads(rig.on_flash(machine.image)[paths.WIFI])[fields.NETWORKS]
    assert [network[fields.SSID] for network in kept] == ["workshop"]


def test_a_restart_is_waited_for(inside, machine) -> None:
    machine.wait_for(rig.DONE)
    begun = len(machine.lines)
    inside.click("#restart-card > summary")
    inside.click("#restart")
    machine.wait_for("page at http", start=begun)
    inside.wait_for_selector("#login-card:not([hidden])", timeout=60000)
    inside.wait_for_selector("#away", state="hidden")
    log_in(inside)
    assert machine.starts == 2


@pytest.fixture
def no_more_claims(twin):
    """no_more_claims(): nobody is provisioned any more, until the test ends."""
    claim = pki.certificate_id(ssl.PEM_cert_to_DER_cert(twin.claim_certificate_path.read_text()))
    yield lambda: twin.registry.certificates.set_status(claim, INACTIVE)
    twin.registry.certificates.set_status(claim, ACTIVE)


def test_a_released_board_starts_without_its_identity(inside, machine, no_more_claims) -> None:
    machine.wait_for(rig.DONE)
    no_more_claims()  # otherwise it would have another identity before somebody can look
    before = slots.opened(json.loads(rig.on_flash(machine.image)[f"{paths.CERT}/{paths.IDENTITY}"]))
    begun = len(machine.lines)
    inside.click("#release-card > summary")
    inside.fill("#confirm", "camera-0001")
    inside.click("text=Release this board")
    machine.wait_for("page at http", start=begun)
    machine.stop()
    files = rig.on_flash(machine.image)
    assert f"{paths.KEPT}/{before.certificate_id}/{paths.PRIVATE_KEY}" in files, "the key is lost"
    assert b'"True"' not in files[paths.CONF]


def test_a_board_without_a_network_is_brought_onto_one(opened, switch_on) -> None:
    """It opens an access point of its own; a person logs in there and chooses a network."""
    machine = switch_on([])
    page = opened(machine.url)
    page.wait_for_selector("#overall >> text=this board needs a Wi-Fi")
    assert page.locator("#all > section:visible").first.get_attribute("id") == "login-card"
    log_in(page)
    page.click("#scan")
    page.click("#found >> text=guest")
    page.click("text=Save network")
    page.wait_for_selector("text=Join guest too")
    machine.wait_for(rig.DONE)
    page.wait_for_selector("#network-fact >> text=guest")
    page.wait_for_selector("#overall >> text=All is well")


def test_what_is_wrong_with_an_application_is_on_the_page(opened, switch_on, tmp_path) -> None:
    text = applications.body(
        "(await muster.table('readings')).put('a', {'n': 1})\nraise ValueError('no sensor')"
    )
    page = opened(switch_on(WORKSHOP, applications.compiled(tmp_path / "app", text)).url)
    page.wait_for_selector("#overall >> text=see below")
    log_in(page)
    page.wait_for_selector("#problems >> text=no sensor")
    page.click("#app-card > summary")
    page.wait_for_selector("#app-fact >> text=failing")
    assert "ValueError: no sensor" in page.inner_text("#app-error")
    assert "main.py" in page.inner_text("#app-error")
    page.click("#memory-card > summary")
    page.wait_for_selector("#memory >> text=Table readings")


def test_a_broken_configuration_leaves_the_page_which_says_what_is_wrong(opened, switch_on) -> None:
    broken = {paths.CONF: b'{"device"', paths.CONFIG: b"[]"}
    page = opened(switch_on(WORKSHOP, broken).url)
    page.wait_for_selector("#problems li")
    log_in(page)
    page.wait_for_selector("#problems >> text=ento.conf: is not valid JSON")
