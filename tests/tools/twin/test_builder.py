"""The builder for boards: register, claim, release, over real TLS."""

import json
import time

import pytest
from cryptography import x509

from device.core import topics
from muster.registry.certificates import ACTIVE, REVOKED
from muster.twin import claiming, pki
from tools.twin.helpers import wait_until
from tools.twin.https_client import CODE, KEY, OTHER_CODE, OTHER_KEY, TOKEN, Board, provision, request


@pytest.fixture
def twin(start):
    running = start(https_port=0)
    running.registry.products.add("camera", TOKEN, 0)
    running.registry.accounts.add("ada", "", 0)
    running.registry.accounts.add("bob", "", 0)
    return running


@pytest.fixture
def board(twin):
    made = Board(twin)
    assert made.register().document == {"registered": True}
    return made


def own(twin, owner: str = "ada", code: str = CODE) -> None:
    assert twin.registry.claims.set_owner(code, owner, time.time())


def test_a_board_registers_and_waits(twin, board) -> None:
    assert board.register().document == {"registered": True}, "a lost answer is harmless"
    assert board.poll() == {"claimed": False}
    known = twin.registry.claims.get(CODE)
    assert (known.product, known.owner) == ("camera", None) and known.polled_s >= known.registered_s
    assert KEY not in repr(known), "of the key only the digest is kept"


@pytest.mark.parametrize(
    ("change", "what", "status", "error"),
    [
        ({"token": "wrong"}, "register", 401, "no product has this token"),
        ({"token": "wrong"}, "claim", 401, "no product has this token"),
        ({"token": ""}, "release", 401, "no product has this token"),
        ({"key": OTHER_KEY}, "register", 409, "registered with another registration key"),
        ({"key": OTHER_KEY}, "claim", 403, "registration key is not that of this board"),
        ({"key": OTHER_KEY}, "release", 403, "registration key is not that of this board"),
        ({"claim": OTHER_CODE}, "claim", 404, "not registered"),
        ({"claim": OTHER_CODE}, "release", 404, "not registered"),
        ({"claim": "short"}, "register", 400, "is not a claim ID"),
        ({"claim": None}, "claim", 400, "is not a claim ID"),
        ({"claim": CODE + "0"}, "register", 400, "is not a claim ID"),
        ({"key": "x" * 32}, "register", 400, "32 hexadecimal digits"),
        ({"key": None}, "claim", 400, "32 hexadecimal digits"),
    ],
)
def test_who_is_wrong_hears_why(twin, board, change, what, status, error) -> None:
    answer = Board(twin, **change).ask(what)
    assert answer.status == status and error in answer.document["error"]
    assert twin.registry.claims.get(CODE).key_sha256 == claiming.key_digest(KEY)


@pytest.mark.parametrize("claim", ["7423F-FA8DT-N", "7423ffa8dt"])
def test_a_claim_id_may_be_written_as_on_the_label(twin, claim) -> None:
    assert Board(twin, claim).register().document == {"registered": True}
    assert twin.registry.claims.get(CODE) is not None


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"[" * 10_000, b"\xff", b"null"])
def test_a_body_that_is_no_object_is_refused(board, body) -> None:
    answer = board.ask("register", body)
    assert (answer.status, answer.document) == (400, {"error": "the body is not a JSON object"})


def test_a_claimed_board_gets_what_it_needs(twin, board) -> None:
    own(twin)
    answer = board.poll()
    assert answer.pop("claimed") is True
    assert sorted(answer) == ["certificatePem", "endpoint", "port", "privateKey", "rootCa", "template"]
    assert answer["rootCa"] == twin.ca_pem_path.read_text()
    assert (answer["endpoint"], answer["port"]) == ("localhost", twin.port)
    assert answer["template"] == topics.DEFAULT_TEMPLATE
    certificate = x509.load_pem_x509_certificate(answer["certificatePem"].encode())
    left_s = certificate.not_valid_after_utc.timestamp() - time.time()
    assert 590 <= left_s <= 600


def certificates_of(twin, answer: dict):
    der = x509.load_pem_x509_certificate(answer["certificatePem"].encode()).public_bytes(
        pki.serialization.Encoding.DER
    )
    return twin.registry.certificates.get(pki.certificate_id(der))


def test_the_temporary_certificate_provisions_and_then_ends(twin, board, tmp_path) -> None:
    own(twin)
    answer = board.poll()
    accepted, _, device = provision(twin, answer, tmp_path, "cam1")
    assert accepted and twin.registry.claims.get(CODE).thing == "cam1"
    assert certificates_of(twin, answer).status == ACTIVE, "RegisterThing's answer may have been lost"
    with device.connect("cam1") as connected:
        connected.subscribe("cameraDevice/cam1/x")
        wait_until(lambda: certificates_of(twin, answer).status == REVOKED)


def test_each_answer_ends_the_certificate_of_the_one_before(twin, board) -> None:
    own(twin)
    first, second = board.poll(), board.poll()
    assert certificates_of(twin, first).status == REVOKED
    assert certificates_of(twin, second).status == ACTIVE


def test_temporary_certificates_do_not_pile_up(start) -> None:
    now_s = time.time()
    twin = start(https_port=0, clock=lambda: now_s)
    twin.registry.products.add("camera", TOKEN, 0)
    twin.registry.accounts.add("ada", "", 0)
    board = Board(twin)
    board.register()
    own(twin)
    for _ in range(5):
        board.poll()
        now_s += 601
    assert len([one for one in twin.registry.certificates.all() if one.is_claim]) == 2


def test_a_board_that_is_released_is_cut_off(twin, board, tmp_path) -> None:
    own(twin)
    answer = board.poll()
    _, _, device = provision(twin, answer, tmp_path, "cam1")
    with device.connect("cam1") as connected:
        assert board.ask("release").document == {"released": True}
        assert connected.is_closed()
    assert board.ask("release").document == {"released": True}, "again changes nothing"
    assert certificates_of(twin, answer).status == REVOKED
    known = twin.registry.claims.get(CODE)
    assert (known.owner, known.thing) == (None, None) and known.released_s
    assert board.poll() == {"claimed": False}
    assert [one.status for one in twin.registry.certificates.of_thing("cam1")] == [REVOKED]


def test_a_board_cannot_become_the_thing_of_another_owner(twin, board, tmp_path) -> None:
    other = Board(twin, OTHER_CODE, OTHER_KEY)
    other.register()
    own(twin)
    own(twin, "bob", OTHER_CODE)
    accepted, _, _ = provision(twin, board.poll(), tmp_path, "cam1")
    assert accepted
    accepted, answer, _ = provision(twin, other.poll(), tmp_path, "cam1")
    assert not accepted and answer["errorCode"] == "AccessDenied"
    assert twin.registry.claims.get(OTHER_CODE).thing is None


def test_a_board_may_be_told_how_long_to_wait(start) -> None:
    twin = start(https_port=0, claim_delay_s=2)
    twin.registry.products.add("camera", TOKEN, 0)
    board = Board(twin)
    board.register()
    assert board.poll() == {"claimed": False, "delay": 2}


def test_what_is_not_there_is_said_in_json(twin) -> None:
    answer = request(twin, "GET", "/nothing")
    assert answer.status == 404 and "Not Found" in answer.document["error"]
    answer = request(twin, "GET", "/api/device/register")
    assert answer.status == 405 and "Not Allowed" in answer.document["error"]
    assert answer.headers["server"] == "muster"


def test_it_is_off_without_a_port(start) -> None:
    twin = start()
    assert (twin.https_port, twin.page_port, twin.builder_url) == (None, None, None)


def test_who_guesses_has_to_wait(twin, board) -> None:
    wrong = Board(twin, key=OTHER_KEY)
    statuses = [wrong.ask("claim").status for _ in range(30)]
    assert statuses[:20] == [403] * 20 and 429 in statuses
    answer = board.ask("claim")
    assert answer.status == 429 and int(answer.headers["retry-after"]) >= 1
    assert "too many" in json.loads(answer.body)["error"]
