"""Images of devices: each its own, the same bytes every time, no secret that is not the board's."""

import base64
import hashlib
import json
import os
import re
import stat

import pytest

from device.core import fields, passwords, paths, topics
from muster import image
from muster.enrolment import secrets
from muster.errors import MusterError
from muster.fleet import claim_ids, devices, groups, image_build, images
from muster.fleet.image_build import BUILT, FAILED, IN_USE, KEPT, build_all
from muster.registry import Registry
from muster.twin.server import running_twin
from muster.virtual import VirtualBoard

BUILD_TIME = 1790000000
NAMES = [f"cam-{number}" for number in range(1, 5)]
CONF = {fields.DEVICE: {fields.ENDPOINT_URL: "localhost", "note": "kept"}, "mine": [1]}


class Fleet:
    """A registry with one group of devices, and the group's secret."""

    def __init__(self, home):
        self.home = home
        self.registry = Registry(home)
        self.vault = secrets.Vault(home)
        self.secret = groups.add(self.registry, self.vault, "lab", 0)
        for name in NAMES:
            devices.add(self.registry, "lab", name, 0)

    def keys(self):
        return images.enrolment_keys(self.registry, self.vault, self.registry.devices.all())

    def jobs(self, recipe, folder):
        return images.jobs_of(self.registry.devices.all(), self.keys(), recipe, folder)


@pytest.fixture
def fleet(tmp_path):
    fleet = Fleet(tmp_path / "home")
    yield fleet
    fleet.registry.close()


def recipe(board="pico_w", **changes):
    files = image.board_files(board, build_time=BUILD_TIME)
    return images.Recipe(board, files, CONF, {}, {})._replace(**changes)


def contents(results):
    return {result.device: result.path.read_bytes() for result in results}


@pytest.mark.parametrize("board", ["pico_w", "esp32", "virtual"])
def test_each_image_is_whole_and_the_devices_own(fleet, tmp_path, board):
    results = build_all(fleet.jobs(recipe(board), tmp_path / "out"), recipe(board))
    assert [(result.device, result.state) for result in results] == [(name, BUILT) for name in NAMES]
    for result in results:
        assert result.path.name == f"{result.device}-{board}.img"
        assert stat.S_IMODE(result.path.stat().st_mode) == 0o600
        assert result.path.stat().st_size == image.board(board).size
        files = image.read_image(result.path.read_bytes(), board)
        conf = json.loads(files[paths.CONF])
        assert conf["mine"] == [1] and conf[fields.DEVICE]["note"] == "kept"
        assert conf[fields.DEVICE][fields.SERIAL_ID] == result.device
        key = secrets.enrolment_key(fleet.secret, result.device)
        assert conf[fields.PROVISIONING] == {fields.ENROLMENT_KEY: key.hex()}
        claim_id = claim_ids.shown(fleet.registry.devices.get(result.device).claim_id)
        assert json.loads(files[paths.DEVICE]) == {fields.TEST: 0, fields.CLAIM: claim_id}
        stored = json.loads(files[paths.WEB])
        iterations, salt, digest = passwords.parsed(stored.pop(fields.PASSWORD))
        assert not stored
        password = images.web_password(key).encode()
        assert digest == hashlib.pbkdf2_hmac("sha256", password, salt, iterations)
        assert password not in result.path.read_bytes(), "the password itself is on the flash"
        assert {paths.MAIN, paths.BOOT, paths.PACK} <= set(files)


def test_parameters_of_the_device_go_in_and_others_are_refused(fleet, tmp_path):
    fleet.registry.devices.set_parameters("cam-2", {"site": "roof"})
    works = {job.device: job for job in fleet.jobs(recipe(), tmp_path)}
    conf = json.loads(works["cam-2"].files[paths.CONF])
    assert conf[fields.PROVISIONING][fields.PARAMETERS] == {"site": "roof"}
    conf = {**CONF, fields.PROVISIONING: {fields.PARAMETERS: {"site": "cellar"}}}
    with pytest.raises(MusterError, match="cam-1: .*parameter site, which the registry does not have"):
        fleet.jobs(recipe(conf=conf), tmp_path)


def test_what_the_board_would_refuse_names_the_device(fleet, tmp_path):
    with pytest.raises(MusterError, match="cam-1: the board would refuse.*ENDPOINT_URL is an ARN"):
        fleet.jobs(recipe(conf={fields.DEVICE: {fields.ENDPOINT_URL: "arn:aws:x"}}), tmp_path)


def test_documents_given_are_kept_beside_the_devices_values(fleet, tmp_path):
    given = recipe(about={fields.PRODUCT: "P1", "ports": 16, fields.CLAIM: "no"}, web={fields.LISTEN: [80]})
    job = fleet.jobs(given, tmp_path)[0]
    about, web = json.loads(job.files[paths.DEVICE]), json.loads(job.files[paths.WEB])
    claim_id = claim_ids.shown(fleet.registry.devices.get(job.device).claim_id)
    assert about == {fields.TEST: 0, fields.PRODUCT: "P1", "ports": 16, fields.CLAIM: claim_id}
    assert web[fields.LISTEN] == [80] and web[fields.PASSWORD]


def test_same_bytes_in_any_order_and_by_any_number_of_processes(fleet, tmp_path, monkeypatch):
    monkeypatch.setattr(image_build, "_POOL_FROM", 2)
    forth = build_all(fleet.jobs(recipe(), tmp_path / "a"), recipe(), processes=1)
    back = build_all(fleet.jobs(recipe(), tmp_path / "b")[::-1], recipe(), processes=3)
    assert [result.device for result in back] == NAMES[::-1]
    assert contents(forth) == contents(back)
    assert len(set(contents(forth).values())) == len(NAMES)
    assert {result.digest for result in forth} == {result.digest for result in back}


def forms(secret):
    """How a secret may be written down."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode()}
    for start in range(3):  # wherever base 64 begins: the whole symbols in the middle of it
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(b"\0" * start + raw)[4:-4])
    return found


def test_no_image_holds_the_groups_secret_or_another_devices_key(fleet, tmp_path):
    results = build_all(fleet.jobs(recipe(), tmp_path), recipe())
    own = fleet.keys()
    padded = fleet.secret + "=" * (-len(fleet.secret) % 4)
    for name, content in contents(results).items():
        for form in forms(fleet.secret) | forms(base64.urlsafe_b64decode(padded)):
            assert form not in content
        for other in NAMES:
            assert (own[other].hex().encode() in content) is (other == name)
            if other != name:
                assert not [form for form in forms(own[other]) if form in content]
                assert images.web_password(own[other]).encode() not in content


def test_twice_does_no_harm_and_writes_only_what_differs(fleet, tmp_path):
    first = build_all(fleet.jobs(recipe(), tmp_path), recipe())
    before = {result.device: result.path.stat().st_mtime_ns for result in first}
    first[1].path.write_bytes(first[1].path.read_bytes()[:5000])  # as a killed process of others leaves it
    first[2].path.unlink()
    os.chmod(first[3].path, 0o644)
    again = build_all(fleet.jobs(recipe(), tmp_path), recipe())
    assert [result.state for result in again] == [
        KEPT,
        BUILT,
        BUILT,
        KEPT,
    ]
    assert first[0].path.stat().st_mtime_ns == before["cam-1"]
    assert {stat.S_IMODE(result.path.stat().st_mode) for result in again} == {0o600}
    assert [result.digest for result in again] == [result.digest for result in first]
    changed = recipe(about={fields.PRODUCT: "P2"})
    assert {one.state for one in build_all(fleet.jobs(changed, tmp_path), changed)} == {BUILT}


def test_an_image_with_an_identity_is_left_alone(fleet, tmp_path):
    identity = {f"{paths.CERT}/{paths.PRIVATE_KEY}": b"the only copy", paths.MAIN: b""}
    (tmp_path / "cam-1-pico_w.img").write_bytes(image.build_image(identity, "pico_w"))
    results = build_all(fleet.jobs(recipe(), tmp_path), recipe())
    assert [result.state for result in results] == [IN_USE] + 3 * [BUILT]
    assert image.read_image(results[0].path.read_bytes(), "pico_w") == dict(sorted(identity.items()))


@pytest.mark.parametrize("pool_from", [2, 100])
def test_one_that_fails_does_not_stop_the_others(fleet, tmp_path, monkeypatch, pool_from):
    monkeypatch.setattr(image_build, "_POOL_FROM", pool_from)
    (tmp_path / "cam-3-pico_w.img").mkdir()
    results = build_all(fleet.jobs(recipe(), tmp_path), recipe(), processes=2)
    assert [result.state for result in results] == [
        BUILT,
        BUILT,
        FAILED,
        BUILT,
    ]
    assert "cam-3-pico_w.img cannot be read" in results[2].error


def test_uf2_beside_each_image(fleet, tmp_path):
    results = build_all(fleet.jobs(recipe(uf2=True), tmp_path), recipe(uf2=True))
    for result in results:
        uf2 = result.path.with_suffix(".uf2")
        assert uf2.read_bytes() == image.to_uf2(result.path.read_bytes(), "pico_w")
        assert stat.S_IMODE(uf2.stat().st_mode) == 0o600


def test_web_passwords_follow_from_the_key_and_differ():
    own = [images.web_password(secrets.enrolment_key("s", f"cam-{number}")) for number in range(500)]
    assert len(set(own)) == 500
    assert all(re.fullmatch(r"([0-9a-hjkmnp-tv-z]{4}-){2}[0-9a-hjkmnp-tv-z]{4}", one) for one in own)
    assert images.web_password(b"\x00" * 32) == images.web_password(b"\x00" * 32)


def test_a_device_boots_from_its_image_and_provisions(tmp_path):
    with running_twin(tmp_path / "home") as twin:
        fleet = Fleet(twin.home.root)
        claim = image.read_claim(twin.claim_dir, twin.ca_pem_path)
        wifi = {paths.WIFI: {fields.NETWORKS: [{fields.SSID: "lab", fields.PASSWORD: "any will do"}]}}
        files = image.board_files("virtual", documents=wifi, claim=claim)
        conf = {fields.DEVICE: {fields.ENDPOINT_URL: twin.host}, fields.MQTT: {fields.PORT: twin.port}}
        given = images.Recipe("virtual", files, conf, {}, {})
        results = build_all(fleet.jobs(given, tmp_path / "out"), given)
        path = results[1].path
        with VirtualBoard(path, environment={"JOIN_MS": "0"}) as board:
            board.wait_for(f"{fields.PROVISION_STATUS} is {fields.TRUE}", 60)
        message = twin.wait_for_publish(topics.booted(topics.DEFAULT_PREFIX, "cam-2"))
        assert json.loads(message.payload)[fields.BOOTED_SERIAL] == "cam-2"
        again = build_all(fleet.jobs(given, tmp_path / "out"), given)
        assert [one.state for one in again] == [
            KEPT,
            IN_USE,
            KEPT,
            KEPT,
        ]
        fleet.registry.close()
