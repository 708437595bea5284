"""Certificates from the host: provision, refresh, deprovision, retire; with and without a running twin."""

import stat
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from device.core import fields, paths, slots
from muster.cloud import Withdrawn
from muster.enrolment import secrets
from muster.errors import MusterError
from muster.fleet import devices, groups, hostside, renewal
from muster.fleet.identity_files import Place
from muster.registry import Registry
from muster.registry.certificates import ACTIVE, REVOKED
from muster.registry.fleet import CREATED, PROVISIONED, RETIRED
from muster.twin import pki
from muster.twin.server import running_twin
from muster.twin.settings import Home
from tools.fleet.admission_fleet import GROUP, Board, running
from tools.twin.helpers import new_csr, quick
from tools.twin.raw import Closed, Raw


@pytest.fixture
def fleet(tmp_path):
    with running(tmp_path) as found:
        yield found


def connect(fleet, issued):
    by_name = {path.name: path for path in issued.files}
    raw = Raw(fleet.twin, by_name[paths.CERTIFICATE], by_name[paths.PRIVATE_KEY]).connect(issued.device)
    assert raw.is_alive()
    return raw


def provision(fleet, name="lamp-1", **more):
    place = Place(fleet.folder / "out", "localhost", fleet.twin.port)
    return hostside.provision(fleet.registry, fleet.twin.home.root, name, place, **more)


def refresh(fleet, name="lamp-1", **more):
    place = None if "csr" in more else Place(fleet.folder / "out", "localhost", fleet.twin.port)
    return renewal.refresh(fleet.registry, fleet.twin.home.root, name, place=place, **more)


def test_provision_writes_a_whole_slot_that_the_twin_takes(fleet):
    issued = provision(fleet)
    assert fleet.state("lamp-1") == PROVISIONED
    files = {path.name: path.read_bytes() for path in issued.files}
    assert set(files) == {*slots.FILES, paths.IDENTITY}
    sealed = slots.document(files)
    assert sealed, "no whole slot"
    identity = slots.opened(sealed)
    assert (identity.thing_name, identity.endpoint, identity.port) == (
        "lamp-1",
        "localhost",
        fleet.twin.port,
    )
    assert identity.certificate_id == issued.certificate_id
    assert files[paths.ROOT_CA] == fleet.twin.ca_pem_path.read_bytes()
    key = load_pem_private_key(files[paths.PRIVATE_KEY], None)
    assert x509.load_pem_x509_certificate(files[paths.CERTIFICATE]).public_key() == key.public_key()
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in issued.files)
    assert stat.S_IMODE((fleet.folder / "out" / "lamp-1").stat().st_mode) == 0o700
    assert issued.configuration["site"] == "site-lamp-1"
    assert fleet.registry.things.get("lamp-1").attributes == {fields.PARAMETER_SERIAL: "lamp-1"}
    connect(fleet, issued).publish("cameraDevice/lamp-1/booted", b"{}", qos=1)
    assert fleet.events("lamp-1") == ["created", "provisioned", "certificate connected"]


def test_no_key_in_what_is_shown(fleet):
    issued = provision(fleet)
    assert issued.private_key_pem.startswith("-----BEGIN EC PRIVATE KEY-----")
    assert "PRIVATE KEY-----" not in repr(issued)
    told = " ".join(event.detail for event in fleet.registry.devices.history("lamp-1"))
    assert "BEGIN" not in told


def test_the_life_of_a_certificate(fleet):
    now_s = time.time()
    assert provision(fleet).not_after_s == pki.AWS_NOT_AFTER.timestamp()
    assert refresh(fleet, ttl_h=2).not_after_s - now_s == pytest.approx(2 * 3600, abs=60)
    end = x509.load_pem_x509_certificate(refresh(fleet, ttl_h=None).certificate_pem.encode())
    assert end.not_valid_after_utc.isoformat() == "2049-12-31T23:59:59+00:00"


def test_provision_works_where_no_twin_ever_ran(tmp_path):
    home = tmp_path / "home"
    registry = Registry(home)
    groups.add(registry, secrets.Vault(home), GROUP, 0)
    devices.add(registry, GROUP, "lamp-1", 0)
    issued = hostside.provision(registry, home, "lamp-1", Place(tmp_path / "out"))
    assert registry.certificates.get(issued.certificate_id).status == ACTIVE
    assert stat.S_IMODE(Home(home).ca_key.stat().st_mode) == 0o600
    with running_twin(home, quick()) as twin:
        raw = Raw(
            twin, *(tmp_path / "out" / "lamp-1" / name for name in (paths.CERTIFICATE, paths.PRIVATE_KEY))
        )
        raw.connect("lamp-1")


def test_a_running_twin_makes_no_difference(fleet):
    board = Board(fleet, "lamp-1")
    unproven = board.register()[1]
    issued = provision(fleet)
    assert issued.revoked == (unproven,)
    connect(fleet, issued)
    assert not board.register()[0], "the name is taken"


def test_provision_again_is_refused(fleet):
    provision(fleet)
    with pytest.raises(MusterError, match="already provisioned.*refresh certificate.*deprovision"):
        provision(fleet)
    hostside.deprovision(fleet.registry, "lamp-1")
    provision(fleet)
    assert fleet.statuses("lamp-1") == [REVOKED, ACTIVE]


def test_nothing_is_issued_when_the_files_cannot_be_written(fleet):
    before = len(fleet.registry.certificates.all())
    (fleet.folder / "out").write_text("a file is in the way")
    with pytest.raises(MusterError, match="name another folder"):
        provision(fleet)
    assert fleet.state("lamp-1") == CREATED
    assert len(fleet.registry.certificates.all()) == before


def test_refresh_revokes_the_old_one_at_once(fleet):
    first = provision(fleet)
    raw = connect(fleet, first)
    old_files = {path.name: path.read_bytes() for path in first.files}
    second = refresh(fleet)
    assert raw.is_closed()
    assert second.revoked == (first.certificate_id,)
    assert fleet.statuses("lamp-1") == [REVOKED, ACTIVE]
    assert {path.name: path.read_bytes() for path in second.files}.keys() == old_files.keys()
    connect(fleet, second)
    for name in (paths.CERTIFICATE, paths.PRIVATE_KEY):
        (fleet.folder / name).write_bytes(old_files[name])
    with pytest.raises(Closed):
        Raw(fleet.twin, fleet.folder / paths.CERTIFICATE, fleet.folder / paths.PRIVATE_KEY).connect("lamp-1")
    assert "certificate refreshed" in fleet.events("lamp-1")


def test_refresh_of_a_board_that_provisioned_itself(fleet):
    board = Board(fleet, "lamp-1")
    raw = board.connect(board.provision())
    connect(fleet, refresh(fleet))
    assert raw.is_closed()


def test_refresh_from_a_signing_request(fleet):
    provision(fleet)
    key = fleet.folder / "own.key"
    issued = refresh(fleet, csr=new_csr(key))
    assert issued.private_key_pem is None and issued.files == ()
    (fleet.folder / "own.crt").write_text(issued.certificate_pem)
    Raw(fleet.twin, fleet.folder / "own.crt", key).connect("lamp-1")


def test_refresh_from_a_signing_request_into_a_folder(fleet):
    provision(fleet)
    csr = new_csr(fleet.folder / "own.key")
    place = Place(fleet.folder / "csr")
    issued = renewal.refresh(fleet.registry, fleet.twin.home.root, "lamp-1", csr=csr, place=place)
    assert {path.name for path in issued.files} == {paths.ROOT_CA, paths.CERTIFICATE}


def test_an_expired_certificate_can_be_refreshed(fleet):
    provision(fleet, ttl_h=1e-6)
    connect(fleet, refresh(fleet))


def all_revoked(fleet):
    issued = provision(fleet)
    fleet.registry.certificates.set_status(issued.certificate_id, REVOKED)


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda fleet: None, "no certificate to refresh.*muster provision lamp-1"),
        (lambda fleet: Board(fleet, "lamp-1").register(), "no certificate to refresh"),
        (lambda fleet: hostside.retire(fleet.registry, "lamp-1"), "retired"),
        (all_revoked, "is revoked: run `muster deprovision lamp-1`"),
        (lambda fleet: fleet.registry.devices.delete("lamp-1"), "no device 'lamp-1'"),
    ],
    ids=["created", "unproven", "retired", "revoked", "deleted"],
)
def test_refresh_is_refused(fleet, prepare, reason):
    prepare(fleet)
    before = fleet.statuses("lamp-1")
    with pytest.raises(MusterError, match=reason):
        refresh(fleet)
    assert fleet.statuses("lamp-1") == before


def test_other_wrong_uses_are_sentences(fleet):
    provision(fleet)
    home = fleet.twin.home.root
    with pytest.raises(MusterError, match="signing request"):
        refresh(fleet, csr="nonsense")
    with pytest.raises(MusterError, match="name a folder for the new key"):
        renewal.refresh(fleet.registry, home, "lamp-1")
    Home(home).ca_key.chmod(0o640)
    with pytest.raises(MusterError, match="chmod 600"):
        refresh(fleet)
    assert fleet.statuses("lamp-1") == [ACTIVE]


def test_deprovision_is_the_state_after_add_device(fleet):
    board = Board(fleet, "lamp-1")
    certificate_id = board.provision()
    raw = board.connect(certificate_id)
    done = hostside.deprovision(fleet.registry, "lamp-1")
    assert done == Withdrawn("lamp-1", PROVISIONED, (certificate_id,))
    assert raw.is_closed()
    assert fleet.state("lamp-1") == CREATED
    assert hostside.deprovision(fleet.registry, "lamp-1").revoked == ()
    assert fleet.events("lamp-1").count("deprovisioned") == 1
    board.provision()


def test_retiring_is_for_good(fleet):
    board = Board(fleet, "lamp-1")
    raw = board.connect(board.provision())
    assert hostside.retire(fleet.registry, "lamp-1").state_before == PROVISIONED
    assert raw.is_closed()
    assert fleet.state("lamp-1") == RETIRED
    assert not board.register()[0]
    for refused in (lambda: hostside.deprovision(fleet.registry, "lamp-1"), lambda: provision(fleet)):
        with pytest.raises(MusterError, match="retired"):
            refused()
    hostside.retire(fleet.registry, "lamp-1")
