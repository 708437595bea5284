"""What must go on working with admission: boards with their keys, lost answers, makers without groups."""

import pytest

from device.claim import provision
from device.core import fields
from muster.enrolment import admission
from muster.enrolment.registrar import DeniedError, Registrar
from muster.fleet import devices, groups
from muster.registry.certificates import ACTIVE, REVOKED
from muster.registry.fleet import CREATED, PROVISIONED
from tools.fleet.admission_fleet import (
    DENIED,
    GROUP,
    Board,
    create,
    document,
    eventually,
    expired,
    refused,
    running,
)
from tools.twin.helpers import REGISTER, claim
from tools.twin.raw import Closed


@pytest.fixture
def fleet(tmp_path):
    with running(tmp_path) as found:
        yield found


def new(fleet, raw):
    return create(raw, fleet.folder / "new.key")


def test_a_board_with_its_key_comes_in_and_counts_once_it_is_connected(fleet):
    board = Board(fleet, "lamp-1")
    accepted, certificate_id = board.register()
    assert accepted
    assert fleet.state("lamp-1") == CREATED, "registered is not provisioned: the answer may be lost"
    raw = board.open(certificate_id).connect("lamp-1")
    assert fleet.state("lamp-1") == CREATED, "nor is a CONNACK that may be lost"
    assert raw.is_alive()
    assert fleet.state("lamp-1") == PROVISIONED
    assert fleet.events("lamp-1") == ["created", "registered", "provisioned"]


def test_a_disconnect_is_a_sign_of_life_too(fleet):
    board = Board(fleet, "lamp-1")
    board.open(board.register()[1]).connect("lamp-1").disconnect()
    assert eventually(lambda: fleet.state("lamp-1") == PROVISIONED)


def test_a_lost_answer_can_be_repeated_with_another_certificate(fleet):
    board = Board(fleet, "lamp-1")
    first, second, third = (board.register()[1] for _ in range(3))
    assert fleet.statuses("lamp-1") == [REVOKED, REVOKED, ACTIVE], (
        "never more than one that has not connected"
    )
    for certificate_id in (first, second):
        raw = board.open(certificate_id)
        with pytest.raises(Closed):
            raw.connect("lamp-1")
    board.connect(third)
    assert fleet.state("lamp-1") == PROVISIONED


def test_a_trial_that_connects_settles_it_before_a_late_repetition(fleet):
    board = Board(fleet, "lamp-1")
    with claim(fleet.twin, "lamp-1") as raw:
        late = create(raw, fleet.folder / "late.key")
    certificate_id = board.provision()
    with claim(fleet.twin, "lamp-1") as raw:
        request = document(late, "lamp-1", provision.proof(board.key, late[fields.CERTIFICATE_ID]))
        assert refused(raw, request) == DENIED
    assert fleet.registry.things.certificates_of("lamp-1") == [certificate_id]


def test_a_board_whose_certificate_has_expired_provisions_anew(tmp_path):
    with expired(tmp_path) as (fleet, board, _):
        lost, second = (board.register() for _ in range(2))
        assert lost[0] and second[0], "also when an answer is lost"
        assert fleet.statuses("lamp-1") == [ACTIVE, REVOKED, ACTIVE], (
            "never more than one that has not connected"
        )
        board.connect(second[1])
        assert fleet.statuses("lamp-1") == [REVOKED, REVOKED, ACTIVE]
        assert fleet.state("lamp-1") == PROVISIONED
        assert fleet.events("lamp-1")[-3:] == ["registered", "registered", "certificate connected"]


def test_without_groups_everything_is_as_before(tmp_path):
    with running(tmp_path, is_filled=False) as fleet, claim(fleet.twin, "any") as raw:
        assert raw.request(REGISTER, document(new(fleet, raw), "some-thing"))[0]


def test_deleting_the_last_group_opens_no_door(tmp_path):
    with running(tmp_path) as fleet:
        fleet.registry.groups.delete(GROUP)
        with claim(fleet.twin, "lamp-1") as raw:
            assert refused(raw, document(new(fleet, raw), "lamp-1")) == DENIED


def test_a_group_made_while_the_twin_runs_counts_at_once(tmp_path):
    with running(tmp_path, is_filled=False) as fleet, claim(fleet.twin, "lamp-1") as raw:
        assert raw.request(REGISTER, document(new(fleet, raw), "lamp-1"))[0]
        groups.add(fleet.registry, fleet.vault, GROUP, 0)
        devices.add(fleet.registry, GROUP, "lamp-1", 0)
        assert refused(raw, document(new(fleet, raw), "lamp-1")) == DENIED


def test_open_admission_asks_nobody(tmp_path):
    with running(tmp_path, open_admission=True) as fleet:
        with claim(fleet.twin, "any") as raw:
            assert raw.request(REGISTER, document(new(fleet, raw), "lamp-1"))[0]
            assert raw.request(REGISTER, document(new(fleet, raw), "lamp-1"))[0]
        assert fleet.statuses("lamp-1") == [ACTIVE, ACTIVE]


def test_a_connection_that_breaks_proves_nothing(fleet):
    board = Board(fleet, "lamp-1")
    board.open(board.register()[1]).connect("lamp-1").close()
    assert eventually(lambda: fleet.twin.client_ids == [])
    assert fleet.state("lamp-1") == CREATED


def registrar(fleet):
    """The adapter itself, for moments that no client can hit."""
    return Registrar(fleet.registry, fleet.twin.home.root, fleet.twin.settings)


def test_a_certificate_revoked_while_it_connects_provisions_nobody(fleet):
    certificate_id = Board(fleet, "lamp-1").register()[1]
    fleet.registry.certificates.set_status(certificate_id, REVOKED)
    registrar(fleet).connected(certificate_id)
    registrar(fleet).connected("unknown")
    assert fleet.state("lamp-1") == CREATED


def test_a_certificate_revoked_while_it_renews_is_denied(fleet):
    board = Board(fleet, "lamp-1")
    certificate_id = board.provision()
    event = {
        admission.CLAIM_CERTIFICATE_ID: certificate_id,
        admission.CLIENT_ID: "lamp-1",
        fields.PARAMETERS: {fields.PARAMETER_SERIAL: "lamp-1"},
    }
    template = fleet.twin.settings.renewal_template
    assert registrar(fleet).judge(event, template).renews == certificate_id
    fleet.registry.certificates.set_status(certificate_id, REVOKED)
    for used in (certificate_id, "unknown"):
        with pytest.raises(DeniedError):
            registrar(fleet).judge({**event, admission.CLAIM_CERTIFICATE_ID: used}, template)
