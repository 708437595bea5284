"""An open connection: acknowledgements matched, whole frames however they arrive, an end that is noticed."""

import hashlib
from pathlib import Path

import pytest

from device.core.failures import AGAIN
from tests.port import micro
from tests.port.broker_case import QUICK_ANSWER, Case, failure
from tests.port.tls_peer import Peer

OK = {"ok": True}
BODY = bytes(range(256)) * 40
TURNS = 20  # of the client's loop; the reader needs 4 to look at a record


@pytest.fixture(params=micro.BITS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    micro.command(request.param)
    return Case(tmp_path, request.param)


def message(topic: str, payload: bytes, packet_id: int = 0) -> bytes:
    """A PUBLISH of the server."""
    body = len(topic).to_bytes(2, "big") + topic.encode()
    body += (packet_id.to_bytes(2, "big") if packet_id else b"") + payload
    length = bytearray()
    size = len(body)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes((0x32 if packet_id else 0x30,)) + bytes(length) + body


def seen(topic: str, payload: bytes) -> dict[str, list[object]]:
    """What the client prints about a message."""
    return {"message": [topic, len(payload), hashlib.sha256(payload).hexdigest()]}


def suback(peer: Peer, *codes: int) -> bytes:
    """The SUBACK for the SUBSCRIBE that comes next."""
    packet_id = peer.expect(0x82)[:2]
    return bytes((0x90, 2 + len(codes))) + packet_id + bytes(codes)


def puback(body: bytes) -> bytes:
    """The PUBACK for the body of a PUBLISH."""
    size = int.from_bytes(body[:2], "big")
    return b"\x40\x02" + body[2 + size : 4 + size]


def pong(peer: Peer) -> None:
    peer.expect(0xC0)
    peer.send(b"\xd0\x00")


def test_publish_subscribe_ping_close(case: Case) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        body = peer.expect(0x82)
        assert body == b"\x00\x01" + b"\x00\x01a\x01" + b"\x00\x03b/c\x01"
        peer.send(b"\x90\x04\x00\x01\x01\x00")
        assert peer.expect(0x30) == b"\x00\x01ahello"
        body = peer.expect(0x32)
        assert body == b"\x00\x01a\x00\x02" + b"x" * 9000
        peer.send(puback(body))
        pong(peer)
        peer.expect(0xE0)
        peer.until_closed()

    outcomes = case.run(
        script,
        ["subscribe", ["a", "b/c"]],
        ["publish", "a", "hello", 1, 0],
        ["publish", "a", "x", 9000, 1],
        ["ping"],
        ["close"],
    )
    assert (outcomes, case.errors) == ([OK] * 6, [])


def test_no_suback(case: Case) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        first = peer.packet()
        assert first == peer.packet(), "the second copy is the same"
        peer.until_closed()

    case.intervals = QUICK_ANSWER
    outcomes = case.run(script, ["subscribe", ["a"]])
    failure(outcomes[1], AGAIN, "no SUBACK from the server", lost=True)
    assert case.errors == []


@pytest.mark.parametrize("codes", [(1, 0x80), (1,), ()])
def test_suback_that_refuses_or_is_short(case: Case, codes: tuple[int, ...]) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        peer.send(suback(peer, *codes))
        peer.until_closed()

    outcomes = case.run(script, ["subscribe", ["first", "second"]])
    words = "refused the subscription to " + ("second" if codes else "first")
    failure(outcomes[1], AGAIN, words, refused=True)


def test_late_suback_is_taken(case: Case) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        peer.expect(0x82)
        peer.send(suback(peer, 1))
        pong(peer)
        peer.until_closed()

    case.intervals = QUICK_ANSWER
    assert case.run(script, ["subscribe", ["a"]], ["ping"]) == [OK] * 3


def test_no_puback_sends_a_second_copy_with_dup(case: Case) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        body = peer.expect(0x32)
        assert peer.expect(0x3A) == body, "the same packet, with DUP"
        peer.send(puback(body))
        pong(peer)
        peer.until_closed()

    case.intervals = QUICK_ANSWER
    assert case.run(script, ["publish", "a", "x", 10, 1], ["ping"]) == [OK] * 3
    assert case.errors == []


def test_waiting_goes_on_when_the_ticks_of_the_board_wrap(case: Case) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        body = peer.expect(0x32)
        assert peer.expect(0x3A) == body, "half a second later"
        peer.send(puback(body))
        pong(peer)
        peer.until_closed()

    case.intervals = QUICK_ANSWER
    case.board["MUSTER_BOARD_TICKS_START"] = str((1 << 30) - 300)
    assert case.run(script, ["publish", "a", "x", 10, 1], ["ping"], ["close"]) == [OK] * 4
    assert case.errors == []


def test_no_puback_at_all_then_a_late_one(case: Case) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        body = peer.expect(0x32)
        peer.expect(0x3A)
        second = peer.expect(0x32)
        assert puback(second) != puback(body)
        peer.send(puback(body), puback(second))
        pong(peer)
        peer.until_closed()

    case.intervals = QUICK_ANSWER
    outcomes = case.run(script, ["publish", "a", "x", 10, 1], ["publish", "a", "y", 1, 1], ["ping"])
    failure(outcomes[1], AGAIN, "no PUBACK from the server", lost=True)
    assert (outcomes[2:], case.errors) == ([OK] * 2, [])


def test_acknowledgements_of_others_and_of_another_kind_do_not_count(case: Case) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        own = peer.expect(0x32)[3:5]
        wrong = b"\x40\x02\x7f\x7f", b"\x90\x03" + own + b"\x01", b"\x20\x02" + own, b"\xd0\x00"
        peer.send(*wrong)
        assert peer.expect(0x3A)[3:5] == own, "none of these was taken for the PUBACK"
        peer.send(b"\x40\x02" + own)
        own = peer.expect(0x82)[:2]
        peer.send(b"\x40\x02" + own)
        assert peer.expect(0x82)[:2] == own, "a PUBACK was not taken for the SUBACK"
        peer.send(b"\x90\x03" + own + b"\x01")
        peer.until_closed()

    case.intervals = QUICK_ANSWER
    assert case.run(script, ["publish", "a", "", 0, 1], ["subscribe", ["a"]]) == [OK] * 3
    assert case.errors == []


@pytest.mark.parametrize("number", [0, 1, 32, 208])
def test_a_ping_and_a_publish_at_once_are_told_apart(case: Case, number: int) -> None:
    """208 is 0xD0, the first byte of PINGRESP."""

    def script(peer: Peer) -> None:
        peer.accept()
        body = peer.expect(0x32)
        while (packet := peer.packet())[0] == 0xC0:
            peer.send(b"\xd0\x00")
        assert packet == b"\x3a" + body, "PINGRESP was not taken for the PUBACK"
        peer.send(puback(body))
        peer.until_closed()

    case.intervals = QUICK_ANSWER
    both = [["publish", "a", "x", 1, 1], ["ping"]]
    assert case.run(script, ["next id", number], ["together", both]) == [OK] * 4
    assert case.errors == []


def test_messages_in_one_record(case: Case) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        peer.send(message("a", b"1") + message("b", b"2", 7) + suback(peer, 1) + message("c", b""))
        assert peer.expect(0x40) == b"\x00\x07"
        pong(peer)
        peer.until_closed()

    outcomes = case.run(script, ["subscribe", ["#"]], ["ping"])
    told = [outcome for outcome in outcomes if "message" in outcome]
    assert told == [seen("a", b"1"), seen("b", b"2"), seen("c", b"")]
    assert (outcomes.count(OK), case.errors) == (3, [])


def test_a_message_byte_by_byte_in_records_of_their_own(case: Case) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        answer = suback(peer, 1)
        for byte in message("topic", BODY[:300], 9) + answer:
            peer.send(bytes((byte,)))
        assert peer.expect(0x40) == b"\x00\x09"
        pong(peer)
        peer.until_closed()

    outcomes = case.run(script, ["subscribe", ["#"]], ["ping"])
    assert seen("topic", BODY[:300]) in outcomes
    assert (outcomes.count(OK), case.errors) == (3, [])


@pytest.mark.parametrize("split", [1, 5, 40, 200])
def test_half_a_record_is_not_the_end(case: Case, split: int) -> None:
    """The record that holds the body comes in two parts, as a slow network delivers it."""

    def script(peer: Peer) -> None:
        peer.accept()
        whole = message("topic", BODY[:200])
        head = peer.encrypted(suback(peer, 1), whole[:3])
        body = peer.encrypted(whole[3:])
        peer.raw(head + body[:split])
        for _ in range(TURNS):
            peer.expect(0x30)  # sent after the SUBACK was read: what followed it has been looked at
        peer.raw(body[split:])
        pong(peer)
        peer.until_closed()

    orders = [["publish", "a", "x", 1, 0]] * TURNS
    outcomes = case.run(script, ["subscribe", ["#"]], *orders, ["ping"])
    assert seen("topic", BODY[:200]) in outcomes
    assert (outcomes.count(OK), case.errors) == (TURNS + 3, [])


def test_a_message_of_the_largest_size(case: Case) -> None:
    payload = (BODY * 2)[: 16384 - 3]

    def script(peer: Peer) -> None:
        peer.accept()
        peer.send(suback(peer, 1))
        peer.send(message("a", payload))
        pong(peer)
        peer.until_closed()

    assert seen("a", payload) in case.run(script, ["subscribe", ["#"]], ["ping"])


@pytest.mark.parametrize("size", [16385, 131072, 268435455])
def test_a_message_that_is_too_large_says_so(case: Case, size: int) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        whole = message("a", bytes(min(size, 200000)))
        peer.send(b"\x30\xff\xff\xff\x7f" if size > 200000 else whole)
        peer.until_closed()

    failure(case.run(script, ["until lost"])[1], AGAIN, " bytes; the limit is 16384")


@pytest.mark.parametrize("size", [16384, 131072])
def test_a_message_that_is_too_large_is_left_out_and_acknowledged(case: Case, size: int) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        peer.send(suback(peer, 1))
        body = b"\0\1a" + b"\0\7" + bytes(size)  # QoS 1, identifier 7
        length = bytes([len(body) & 127 | 128, len(body) >> 7 & 127 | 128, len(body) >> 14])
        peer.send(b"\x32" + length + body)
        peer.expect(0x40)
        peer.send(message("a", b"small"))

    outcomes = case.run(script, ["leave out"], ["subscribe", ["#"]], ["until lost"])
    assert seen("a", b"small") in outcomes
    assert {"large": ["a", size + 5]} in outcomes, outcomes


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"\x30\x80\x80\x80\x80\x01", "invalid packet length"),
        (b"\x30\x02\xff\xff", "invalid packet"),
        (b"\x34\x05\x00\x01a\x00\x01", "invalid packet"),
        (b"\x40\x00", "invalid packet"),
    ],
)
def test_packets_that_break_the_protocol_end_the_connection(case: Case, sent: bytes, words: str) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        peer.send(sent)
        peer.until_closed()

    failure(case.run(script, ["until lost"])[1], AGAIN, words)


@pytest.mark.parametrize("size", [0, 1, 2, 5, 100])
def test_server_closes_in_the_middle_of_a_packet(case: Case, size: int) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        if size:
            peer.send(message("topic", BODY[:200])[:size])

    outcomes = case.run(script, ["until lost"], ["publish", "a", "x", 1, 1], ["ping"], ["close"])
    for outcome in outcomes[1:4]:
        failure(outcome, AGAIN, "the server closed the connection", refused=True)
    assert outcomes[4] == OK


def test_closed_while_others_wait(case: Case) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        peer.expect(0x32)

    both = [["publish", "a", "x", 1, 1], ["until lost"]]
    outcomes = case.run(script, ["together", both])
    for outcome in outcomes[1:]:
        failure(outcome, AGAIN, "closed the connection", refused=True)


def test_closing_ends_what_waits_and_can_be_repeated(case: Case) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        peer.expect(0x32)
        peer.expect(0xE0)
        peer.until_closed()

    both = [["publish", "a", "x", 1, 1], ["close"]]
    outcomes = case.run(script, ["together", both], ["close"], ["until lost"], ["publish", "a", "", 0, 0])
    assert outcomes.count(OK) == 3
    for outcome in outcomes:
        if "failure" in outcome:
            failure(outcome, AGAIN, "closed by us")
    assert (len(outcomes), case.errors) == (6, [])


def test_a_bug_in_a_handler_ends_the_connection_at_once(case: Case) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        peer.send(suback(peer, 1))
        pong(peer)
        peer.send(message("a", b"x"))
        peer.until_closed()

    outcomes = case.run(script, ["bad handler"], ["subscribe", ["a"]], ["ping"], ["until lost"])
    failure(outcomes[4], AGAIN, "reader")
