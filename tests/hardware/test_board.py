"""A board with an identity, on a cable: what a person would look at, without touching anything.

It needs a board that runs Muster and is up; PORT names its serial port. Nothing on its flash is changed.
"""

import json
import os
import time

import pytest

from cli_in_process import muster
from muster.board_link import BoardLink
from muster.deploy import kind_of
from muster.errors import GOOD
from muster.watching import Watch

PORT = os.environ.get("MUSTER_PORT", "")
LONG_S = 180

pytestmark = pytest.mark.skipif(not PORT, reason="no board: `make hw PORT=/dev/ttyACM0` runs it")


def up(watch: Watch) -> float:
    """Wait until the board is up; seconds since its start."""
    end_s = time.monotonic() + LONG_S
    while time.monotonic() < end_s:
        seen = watch.seen[PORT]
        if seen.is_up():
            assert seen.beacon is not None
            return seen.beacon.up_s
        watch.wait(1)
    raise AssertionError(f"not up within {LONG_S} s: {watch.seen[PORT]}")


def test_watching_does_not_restart_it() -> None:
    with Watch((PORT,)) as watch:
        first_s = up(watch)
    with Watch((PORT,)) as watch:  # opening the port again must not reset it either
        assert up(watch) >= first_s


def test_it_answers_mpremote_while_it_is_watched_and_comes_back() -> None:
    with Watch((PORT,)) as watch:
        up(watch)
        link = BoardLink(PORT)
        assert kind_of(link.facts())
        assert link.execute("print(6 * 7)").strip() == "42"
        link.start()
        assert up(watch) < LONG_S


def test_nothing_is_wrong_with_it() -> None:
    done = muster("doctor", "--port", PORT, "-o", "json")
    assert done.returncode == GOOD, json.loads(done.stdout)["response"][0]["findings"]


def test_its_program_is_this_one() -> None:
    done = muster("deploy", "--port", PORT, "--dry-run")
    assert done.returncode == GOOD and "up to date" in done.stdout, done.stdout
