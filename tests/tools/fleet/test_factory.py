"""The factory's server: one claim ID for a board, whoever asks how often, and none for strangers."""

import contextlib
import json
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from device.core import claim_ids
from muster.fleet import devices
from muster.registry import Registry
from muster.registry.fleet import PROVISIONED
from muster.twin.settings import Home
from tools.fleet.running_factory import GROUP, LIMIT_S, Factory, prepare, running

TOKEN = "marker-factory-token-8Q"
BOARD = "pico_w-e6614c311b4f2a37"


def test_a_board_gets_one_claim_id(tmp_path: Path) -> None:
    with running(tmp_path, product="P1") as factory:
        first = factory.ask(BOARD)
        assert first.status == 200 and first.document["product"] == "P1"
        assert claim_ids.read(first.document["claim"]) == first.document["claim"]
        assert factory.ask(BOARD).document == first.document
        other = factory.ask("pico_w-e6614c311b4f2a38")
        assert other.document["claim"] != first.document["claim"]
    with running(tmp_path) as factory:  # another day
        assert factory.ask(BOARD).document["claim"] == first.document["claim"]
        assert factory.said[-1].endswith(f"claim ID {claim_ids.shown(first.document['claim'])}, again")
    with contextlib.closing(Registry(tmp_path)) as registry:
        device = registry.devices.get(BOARD)
        assert device is not None and (device.group, device.claim_id) == (GROUP, first.document["claim"])
        assert [event.event for event in registry.devices.history(BOARD)] == [
            "created",
            "claim ID handed out",
        ]


def test_eight_boards_at_a_time_and_some_ask_twice(tmp_path: Path) -> None:
    with running(tmp_path) as factory, ThreadPoolExecutor(8) as pool:
        factory.passed_s = 1e9
        boards = [f"esp32-{number:012x}" for number in range(8)]

        def ask(board: str) -> tuple[str, str]:
            for _ in range(1000):  # as a board does that was refused because others asked at the same moment
                with contextlib.suppress(OSError, json.JSONDecodeError):
                    factory.passed_s += 100
                    answer = factory.ask(board)
                    if answer.status == 200:
                        return board, answer.document["claim"]
            raise AssertionError(f"{board} got nothing")

        given = list(pool.map(ask, boards * 4))
    claims = dict(given)
    assert len(set(claims.values())) == len(boards), "no two boards have the same one"
    assert all(claims[board] == claim for board, claim in given), "and no board has two"


def test_two_servers_on_one_registry(tmp_path: Path) -> None:
    prepare(tmp_path)
    with running(tmp_path) as one, running(tmp_path) as two, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda factory: factory.ask(BOARD), [one, two, one, two]))
    assert len({answer.document["claim"] for answer in answers}) == 1


def test_a_serial_names_the_device(tmp_path: Path) -> None:
    with running(tmp_path) as factory:
        claim = factory.ask("pico_w-1", "camera-1").document["claim"]
        assert factory.ask("pico_w-1", "camera-1").document["claim"] == claim
        assert factory.ask("pico_w-1").document["claim"] == claim
        for hardware, serial, words in (
            ("pico_w-2", "camera-1", "two boards with one serial"),
            ("pico_w-1", "camera-2", "was camera-1 before"),
            ("pico_w-3", "CAMERA-1", "more than case"),
        ):
            answer = factory.ask(hardware, serial)
            assert answer.status == 409 and words in answer.document["error"]
        assert factory.ask("pico_w-2", "camera-2").status == 200
    with contextlib.closing(Registry(tmp_path)) as registry:
        assert registry.devices.names() == {"camera-1", "camera-2"}


def test_devices_that_were_there_before(tmp_path: Path) -> None:
    prepare(tmp_path)
    with contextlib.closing(Registry(tmp_path)) as registry:
        made = [devices.add(registry, GROUP, f"camera-{number}", 0)[0] for number in (1, 2)]
        registry.devices.set_state("camera-2", PROVISIONED)
    with running(tmp_path) as factory:
        answer = factory.ask("pico_w-1", "camera-1")
        assert answer.status == 409 and "a board may have its claim ID" in answer.document["error"]
    with running(tmp_path, existing=True) as factory:
        assert factory.ask("pico_w-1", "camera-1").document["claim"] == made[0].claim_id
        assert factory.ask("pico_w-2", "camera-1").status == 409
        answer = factory.ask("pico_w-2", "camera-2")
        assert answer.status == 409 and "is provisioned" in answer.document["error"]


def test_the_count_of_a_run(tmp_path: Path) -> None:
    with running(tmp_path, count=2) as factory:
        assert [factory.ask(f"pico_w-{number}").status for number in range(4)] == [200, 200, 503, 503]
        assert factory.ask("pico_w-1").status == 200, "a board that has one may ask again"


def test_the_token(tmp_path: Path) -> None:
    with running(tmp_path, token=TOKEN) as factory:
        assert factory.ask(BOARD, token=TOKEN).status == 200
        for wrong in ("", "x", TOKEN + "x", TOKEN[:-1], "\u00e9"):
            header = {"Authorization": f"Bearer {wrong}".encode().decode("latin-1")} if wrong else {}
            assert factory.ask("pico_w-2", **header).status == 401
        for header in (TOKEN, f"Basic {TOKEN}", f"bearer{TOKEN}"):
            assert factory.ask("pico_w-2", Authorization=header).status == 401
        assert not any(TOKEN in line for line in factory.said), "no log has the token"
        assert any("wrong token" in line for line in factory.said)


def test_one_address_cannot_ask_without_end(tmp_path: Path) -> None:
    with running(tmp_path, token=TOKEN) as factory:
        statuses = [factory.ask(BOARD, token="x" * 20).status for _ in range(12)]
        assert statuses == [401] * 10 + [429] * 2
        refused = factory.ask(BOARD, token=TOKEN)
        assert refused.status == 429 and 1 <= int(refused.headers["Retry-After"]) <= 4
        factory.passed_s += 4
        assert factory.ask(BOARD, token=TOKEN).status == 200


def test_other_networks_get_no_handshake(tmp_path: Path) -> None:
    with running(tmp_path, network="192.168.10.0/24") as factory, pytest.raises(OSError):
        factory.ask(BOARD)
    with running(tmp_path, network="127.0.0.0/8") as factory:
        assert factory.ask(BOARD).status == 200


BAD_BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "deep": b"[" * 1000,
    "no hardware": b"{}",
    "number": b'{"hardware": 5}',
    "serial": b'{"hardware": "a", "serial": null}',
    "empty": b'{"hardware": ""}',
    "path": b'{"hardware": "../../x"}',
    "sql": b'{"hardware": "\'; DROP TABLE devices; --"}',
    "long": b'{"hardware": "%s"}' % (b"a" * 200),
    "control": b'{"hardware": "a\\u001b[31m"}',
    "no text": b"\xff\xfe",
}


def test_questions_that_are_none(tmp_path: Path) -> None:
    with running(tmp_path) as factory:
        for what, body in BAD_BODIES.items():
            factory.passed_s += 100
            answer = factory.ask("", body=body)
            assert answer.status == 400, (what, answer)
            assert len(answer.document["error"]) < 200
        factory.passed_s += 100
        assert factory.ask("", body=b"x" * 1025).status == 413
        assert factory.ask(BOARD).status == 200
        assert not any("\x1b" in line for line in factory.said)
    with contextlib.closing(Registry(tmp_path)) as registry:
        assert registry.devices.names() == {BOARD}


def _said_raw(factory: Factory, data: bytes) -> bytes:
    """What the server answers to these bytes; b"" when it closes."""
    context = ssl.create_default_context(cafile=str(Home(factory.home).ca_pem))
    plain = socket.create_connection(("127.0.0.1", factory.port), LIMIT_S)
    with context.wrap_socket(plain, server_hostname="localhost") as secure:
        found = b""
        with contextlib.suppress(OSError):
            secure.sendall(data)
            while part := secure.recv(4096):
                found += part
        return found


RAW = {
    "no HTTP": (b"hello\r\n\r\n", b"404"),
    "get": (b"GET /claim HTTP/1.1\r\nHost: a\r\n\r\n", b"405"),
    "elsewhere": (b"POST /registry.db HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", b"404"),
    "traversal": (b"POST /../registry.db HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"404"),
    "no length": (b"POST /claim HTTP/1.1\r\nHost: a\r\n\r\n", b"411"),
    "negative": (b"POST /claim HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"411"),
    "chunked": (b"POST /claim HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
    "huge length": (b"POST /claim HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
    "huge head": (b"POST /claim HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", b""),
    "many headers": (b"POST /claim HTTP/1.1\r\n" + b"X: y\r\n" * 400 + b"\r\n", b"404"),
    "expects": (b"POST /claim HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", b"400"),
}


def test_clients_that_break_the_protocol(tmp_path: Path) -> None:
    with running(tmp_path) as factory:
        for what, (data, status) in RAW.items():
            factory.passed_s += 100
            answer = _said_raw(factory, data)
            assert answer[9:12] == status, (what, answer)
        factory.passed_s += 100
        assert factory.ask(BOARD).status == 200


def test_connections_that_say_nothing_do_not_keep_boards_out(tmp_path: Path) -> None:
    with running(tmp_path) as factory, contextlib.ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", factory.port), LIMIT_S))
            for _ in range(50)
        ]
        ended = 0
        for plain in silent[4:]:  # four of one address may be open
            with contextlib.suppress(OSError):
                assert plain.recv(1) == b""
            ended += 1
        assert ended == 46
        for plain in silent[:4]:
            plain.close()
        for _ in range(1000):  # until the server has noticed
            with contextlib.suppress(OSError):
                assert factory.ask(BOARD).status == 200
                return
        raise AssertionError("the board got nothing")
