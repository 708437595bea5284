"""Claim IDs: random without bias, with a check symbol, and written once into device.json."""

import json

from check import raises
from device.core import claim_ids
from device.core.failures import GIVE_UP, Failure


def _counting():
    """A source of bytes that leans heavily to one side, as a bad ring oscillator, but never repeats."""
    calls = [0]

    def source(count):
        calls[0] += 1
        return calls[0].to_bytes(4, "big") + b"\xff" * (count - 4)

    return source


def test_a_new_code_has_the_symbols_asked_for():
    for length in (claim_ids.SHORT, claim_ids.LONG):
        code = claim_ids.new(length, _counting())
        assert len(code) == length and all(symbol in claim_ids.ALPHABET for symbol in code)
        assert claim_ids.read(code) == code


def test_no_symbol_is_likelier_even_with_biased_bits():
    source = _counting()
    counts = {symbol: 0 for symbol in claim_ids.ALPHABET}
    codes = [claim_ids.new(claim_ids.LONG, source) for _ in range(2000)]
    for code in codes:
        for symbol in code:
            counts[symbol] += 1
    # 1000 of each expected, deviation 31: six of them
    assert len(set(codes)) == 2000
    fewest, most = min(counts.values()), max(counts.values())
    assert fewest > 813 and most < 1187, counts


def test_many_random_bytes_are_asked_for():
    asked = []

    def source(count):
        asked.append(count)
        return bytes(count)

    claim_ids.new(claim_ids.LONG, source)
    assert asked == [64]


def test_check_symbol_is_crockford_s():
    # 1234 is 16J with the check symbol D (the example of the specification's Python library), 32 has "*".
    assert claim_ids.check("16J") == "D"
    assert claim_ids.check("10") == "*" and claim_ids.check("14") == "U" and claim_ids.check("0") == "0"


def test_shown_and_read_again():
    for code, text in (
        ("7423FFA8DT", "7423F-FA8DT-" + claim_ids.check("7423FFA8DT")),
        ("WWWWWWWWWWWWWWWM", "WWWW-WWWW-WWWW-WWWM-" + claim_ids.check("WWWWWWWWWWWWWWWM")),
    ):
        assert claim_ids.shown(code) == text
        assert claim_ids.read(text) == code
        assert claim_ids.read(text.lower().replace("-", " ")) == code


def test_letters_that_look_alike():
    assert claim_ids.read("oOiIlL0000") == "0011110000"


def test_every_slip_of_the_finger_is_noticed():
    text = claim_ids.shown("7423FFA8DT").replace("-", "")
    for at in range(len(text) - 1):
        for symbol in claim_ids.ALPHABET:
            if symbol != text[at]:
                assert claim_ids.read(text[:at] + symbol + text[at + 1 :]) == ""
        if text[at] != text[at + 1]:
            changed = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
            assert claim_ids.read(changed) == "", changed


def test_what_is_no_claim_id():
    for text in (None, 7, "", "7423F", "7423FFA8DTXX", "7423FFA8D!", "742U3FA8DT", [], "é" * 10):
        assert claim_ids.read(text) == "", text


_KEPT = b'{\n  "product": "01GAQ", "test": 0, "weight": 0.12345678901234567}\n'


def test_the_claim_is_added_and_every_other_byte_stays():
    changed = claim_ids.with_claim(_KEPT, "7423FFA8DT")
    assert changed.replace(b'"claim": "7423FFA8DT", ', b"") == _KEPT
    assert claim_ids.of_device(changed) == ("7423FFA8DT", claim_ids.shown("7423FFA8DT"), "01GAQ")


def test_the_claim_is_written_without_a_file_or_in_an_empty_one():
    for raw in (None, b"", b" \n", b"{}", b'{"claim": ""}', b'{"claim": null}'):
        assert json.loads(claim_ids.with_claim(raw, "7423FFA8DT")) == {"claim": "7423FFA8DT"}


def test_the_product_of_the_factory_is_kept_unless_there_is_one():
    assert claim_ids.of_device(claim_ids.with_claim(b"{}", "7423FFA8DT", "P1"))[2] == "P1"
    assert claim_ids.of_device(claim_ids.with_claim(_KEPT, "7423FFA8DT", "P1"))[2] == "01GAQ"


def test_a_claim_is_never_replaced():
    for raw in (b'{"claim": "0000000000"}', b'{"claim": "whatever it is"}', b'{"claim": 5}'):
        assert raises(Failure, claim_ids.with_claim, raw, "7423FFA8DT").kind == GIVE_UP


def test_a_claim_that_is_not_ours_is_shown_as_it_is():
    assert claim_ids.of_device(b'{"claim": "X-1"}') == ("X-1", "X-1", "")
    assert claim_ids.of_device(b'{"claim": 5, "product": []}') == ("", "", "")
    assert claim_ids.of_device(None) == ("", "", "")


def test_a_broken_file_is_left_alone():
    for raw in (b"{", b"[]", b"5", b"\xff\xfe", b'{"claim"', b'{"a": 1} x'):
        assert raises(Failure, claim_ids.of_device, raw).kind == GIVE_UP
        assert raises(Failure, claim_ids.with_claim, raw, "7423FFA8DT").kind == GIVE_UP


def test_length():
    assert claim_ids.length(None) == 10 and claim_ids.length(b'{"claimLength": 16}') == 16
    for raw in (
        b'{"claimLength": 8}',
        b'{"claimLength": "16"}',
        b'{"claimLength": null}',
        b'{"claimLength": 10.0}',
    ):
        assert "claimLength" in str(raises(Failure, claim_ids.length, raw))


def test_mode():
    for switches in (
        {},
        {"cloud": True},
        {"cloud": {}},
        {"cloud": {"serialize": True}},
        {"cloud": {"serialize": "auto"}},
    ):
        assert claim_ids.mode(switches) == "auto", switches
    for mode in ("none", "factory"):
        assert claim_ids.mode({"cloud": {"serialize": mode}}) == mode
    for mode in ("on", 1, None, [], {}):
        failure = raises(Failure, claim_ids.mode, {"cloud": {"serialize": mode}})
        assert failure.kind == GIVE_UP and "auto, none, factory" in str(failure)
