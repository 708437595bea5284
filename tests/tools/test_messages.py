"""docs/messages.md is made from the table of messages, and the table is true."""

import pytest

from muster.checks import messages
from muster.layout import REPO

ROW = messages.Message("Network", "", "no Wi-Fi (<reasons>)", "No network.", "Check the name.")


def test_the_page_is_up_to_date() -> None:
    assert messages.PAGE.read_text() == messages.page(messages.table()), "run `make docs`"


def test_every_fixed_part_is_in_a_source() -> None:
    assert messages.missing(messages.table(), messages.strings(REPO)) == []


def test_no_message_stands_twice_and_every_row_says_what_it_means() -> None:
    rows = messages.table()
    assert len({(row.service, row.message) for row in rows}) == len(rows) > 90
    free = ("bug", "app")  # print what others have written
    assert [row for row in rows if not row.meaning or not (row.fixed() or row.service in free)] == []
    assert [row for row in rows if "|" in "".join(row)] == []


def test_a_reworded_source_is_found() -> None:
    assert messages.missing([ROW], ["no Wi-Fi (%s)"]) == []
    (sentence,) = messages.missing([ROW], ["no network (%s)"])
    assert sentence == 'no source has "no Wi-Fi" of "no Wi-Fi (<reasons>)"'


def test_parts_that_the_program_joins_are_found() -> None:
    row = ROW._replace(message="connect with the <certificate>")
    assert messages.missing([row], ["connect with", "%s the %s"]) == []
    assert messages.missing([row], ["connect with"]) != []


def test_docstrings_and_comments_are_no_messages(tmp_path) -> None:
    (tmp_path / "boot.py").write_text('"""no Wi-Fi (text)"""\nsay("joined")  # no Wi-Fi\n')
    assert messages.strings(tmp_path) == ["joined"]


@pytest.mark.parametrize(
    "text",
    [
        "network    joined",
        "network    no Wi-Fi (home: not in range, work: wrong password); check name, password and range",
        "provision  connect with the claim certificate: localhost:1 does not answer. Trying again in 2 s",
        "mqtt       cannot be loaded: failed: KeyError('x',). Trying again in 1800 s",
        "lamp       a service that Muster does not have",
    ],
)
def test_listed_lines(text: str) -> None:
    assert messages.unlisted([f"    1234 ms  {text}", "  not a line of the program: a traceback, say"]) == []


@pytest.mark.parametrize("text", ["network    joined twice", "status     joined", "mqtt       it went wrong"])
def test_unlisted_lines(text: str) -> None:
    line = f"    1234 ms  {text}"
    assert messages.unlisted([line]) == [line]
