"""The journal: what is written is read again, and hostile flash never raises."""

import json

from device.claim import journal as journals
from device.core import fields

_NOW = 1750000000


def _full():
    journal = journals.Journal()
    journal.step = journals.REGISTERED
    journal.budget_day, journal.budget_used = 20254, 3
    journal.certificate_id, journal.token, journal.token_time = "ab" * 32, "t" * 470, _NOW
    journal.digests = {"a": "1", "b": "2"}
    journal.thing_name, journal.configuration = "SN-1", {"zone": "n\u00f6rdlich", "n": 5}
    return journal


def _fields(journal):
    fields = dict(journal.__dict__)
    fields.pop("unsure")
    return fields


def test_what_is_written_is_read_again():
    for step in (journals.IDLE, journals.CREATE, journals.CREATED, journals.REGISTERED):
        journal = _full()
        journal.step = step
        assert _fields(journals.decode(journal.encode())) == _fields(journal)


def test_a_journal_from_flash_is_never_sure_that_nothing_was_registered():
    journal = _full()
    journal.unsure = False
    assert journals.decode(journal.encode()).unsure is True


def test_no_journal_is_an_empty_one():
    for raw in (
        None,
        b"",
        b"{}",
        b"null",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b"{",
        b"[" * 9000,
        b'{"step": "else"}',
    ):
        journal = journals.decode(raw)
        assert journal.step == journals.IDLE and journal.budget_used == 0, raw


def test_every_beginning_of_a_journal_counts_as_empty():
    whole = _full().encode()
    for size in range(len(whole)):
        assert journals.decode(whole[:size]).step == journals.IDLE, size


_BAD_VALUES = (None, "x", "5", -1, 1.5, True, [], [1], ["ab"], [["a"]], {}, {"a": 1}, "", 10**30)


def test_fields_of_any_type_never_raise():
    for name in json.loads(_full().encode().decode()):
        for value in _BAD_VALUES:
            document = json.loads(_full().encode().decode())
            document[name] = value
            journal = journals.decode(json.dumps(document).encode())
            assert journal.step in (journals.IDLE, journals.REGISTERED)
            journal.encode()
            journal.spend(_NOW, 5)
            journal.token_good(_NOW)


def test_numbers_that_are_too_large_for_an_integer_never_raise():
    whole = _full().encode()
    for number in (b"1e999", b"-1e999", b"1e308", b"1" * 400):
        for old in (b"20254", str(_NOW).encode()):
            assert old in whole
            journals.decode(whole.replace(old, number)).encode()


def test_a_damaged_journal_keeps_the_budget_it_could_read():
    raw = _full().encode().replace(b'"deviceConfiguration": {', b'"deviceConfiguration": 5, "x": {')
    journal = journals.decode(raw)
    assert (journal.step, journal.budget_day, journal.budget_used) == (journals.IDLE, 20254, 3)


def test_clear_keeps_the_budget_alone():
    journal = _full()
    journal.clear()
    empty = journals.Journal()
    empty.budget_day, empty.budget_used = journal.budget_day, journal.budget_used
    assert _fields(journal) == _fields(empty) and journal.unsure
    assert (journal.budget_day, journal.budget_used) == (20254, 3)


def test_budget_counts_by_day():
    journal = journals.Journal()
    assert [journal.spend(_NOW, 2) for _ in range(3)] == [True, True, False]
    assert journal.spend(_NOW + 86400, 2)
    assert journal.budget_used == 1
    assert [journal.spend(0, 1), journal.spend(0, 1)] == [True, False]


def test_token_is_good_for_55_minutes_and_while_the_clock_is_behind():
    journal = _full()
    for age_s, good in ((0, True), (55 * 60 - 1, True), (55 * 60, False), (86400, False), (-86400, True)):
        assert journal.token_good(_NOW + age_s) is good


def test_the_keys_are_those_of_the_table():
    document = json.loads(_full().encode().decode())
    assert document[fields.VERSION] == 1 and document[fields.STEP] == "registered"
    assert document["certificateOwnershipToken"] == "t" * 470
