"""A board with a table, and a cloud, for tests of the synchronisation: the real service and its worker.

The cloud is a model of its own, as docs/sync.md describes it. Time does not pass; a wait that nobody ends is
over at once.
"""

import json

from device.core import fields, paths
from device.core.failures import AGAIN, Failure
from device.runtime.syncing import synchronise
from device.services.sync import Sync
from flash import Flash
from tables import opened

TOPIC = "boards/one/sync/exchange"
PAGE = 600  # bytes of the cloud's changes in one answer


class Cloud:
    """The documents of one table: {key: [document or None, number, whose]}."""

    def __init__(self):
        self.rows = {}
        self.last = 0
        self.heard = {}  # {board: number of its last message}
        self.requests = []
        self.stored = []  # (key, document) of each change of the board that had an effect
        self.largest = 0

    def change(self, key, document):
        """A person changes something; None deletes."""
        self.last += 1
        self.rows[key] = [document, self.last, None]

    def documents(self):
        return {key: self.rows[key][0] for key in self.rows if self.rows[key][0] is not None}

    def answer(self, raw):
        """(whether accepted, the bytes of the answer) to a request."""
        asked = json.loads(raw)
        self.requests.append(asked)
        self.largest = max(self.largest, len(raw))
        board, number, seen = asked[fields.BOARD], asked[fields.NUMBER], asked.get(fields.SEEN)
        answer = {fields.TABLE: asked[fields.TABLE], fields.NUMBER: number}
        if number <= self.heard.get(board, 0):
            answer[fields.CODE], answer[fields.SEEN] = 409, self.heard[board]
            return False, json.dumps(answer).encode()
        self.heard[board] = number
        answer[fields.REFUSED] = [
            change[0] for change in asked[fields.CHANGES] if not self._take(board, seen, change)
        ]
        if seen is not None:
            self._page(answer, board, seen)
        return True, json.dumps(answer).encode()

    def _take(self, board, seen, change):
        key, document = change
        row = self.rows.get(key, [None, 0, None])
        if row[0] == document:
            row[2] = board
            return True
        if seen is not None and row[2] != board and row[1] > seen:
            return False
        self.last += 1
        self.rows[key] = [document, self.last, board]
        self.stored.append((key, document))
        return True

    def _page(self, answer, board, seen):
        found = sorted(
            [
                [self.rows[key][1], key, self.rows[key][0]]
                for key in self.rows
                if self.rows[key][1] > seen and self.rows[key][2] != board
            ]
        )
        changes, size = [], 0
        while found and size < PAGE:
            number, key, document = found.pop(0)
            changes.append([key, document, number])
            size += len(json.dumps(changes[-1]))
        answer[fields.CHANGES] = changes
        answer[fields.MORE] = bool(found)
        answer[fields.SEEN] = changes[-1][2] if found else self.last


class _Awaited:
    """Something to await that is there at once."""

    def __await__(self):
        return iter(())

    __iter__ = __await__


class _Clock:
    def __init__(self):
        self.now_ms = 0

    def ms(self):
        return self.now_ms

    def sleep_ms(self, duration_ms):
        return _Awaited()

    def wait(self, awaitable, limit_ms):
        awaitable.close()
        self.now_ms += limit_ms
        return _Awaited()


class Board:
    """The board from one start to the next: `table`, and the service that synchronises it."""

    def __init__(self, flash, cloud, direction, name="readings"):
        self.flash = flash
        self.cloud = cloud
        self.ready = self.services = self.ports = self.session = self  # one object for all that it asks for
        self.store, self.board, self.clock = flash, self, _Clock()
        self.identity = self
        self.endpoint, self.thing_name = "cloud.example", "one"
        self.said = []
        self.table_ = opened(flash, name)
        if direction != fields.DOWN:
            self.table_.unsent = self._sent(name)
            if self.table_.unsent > self.table_.end():
                self.table_.unsent = 0
        self.service = Sync("sync", self)
        self.service.topic = TOPIC
        self.service.directions = {name: direction}
        self.service._renewed()
        self.lose = 0  # so many answers are lost
        self.distort = None  # function(whether accepted, answer): another answer
        self.meanwhile = None  # called while an answer is awaited

    def _sent(self, name):
        from device.core import sync

        return sync.sent({name: fields.BOTH}, self.flash.read(paths.SYNC))[name]

    # What the service and its worker ask for

    def __getitem__(self, name):
        return self

    def is_set(self):
        return True

    def is_online(self):
        return True

    def table(self, name):
        return self.table_

    def random_bytes(self, count):
        self.flash.ids = getattr(self.flash, "ids", 0) + 1
        return self.flash.ids.to_bytes(count, "big")

    def interval(self, name, default_ms):
        return default_ms

    def say(self, source, text, level=None):
        self.said.append(text)

    async def publish(self, topic, payload):
        assert topic == TOPIC
        self.flash.power()
        heard = self.flash.change(self.cloud.answer, payload)  # the cloud has it: a cut may follow
        self.flash.power()
        if self.meanwhile:
            self.meanwhile()
        if self.lose:
            self.lose -= 1
            return
        heard = self.distort(*heard) if self.distort else heard
        is_accepted, raw = heard
        self.service._heard(TOPIC + ("/accepted" if is_accepted else "/rejected"), raw)

    # For tests

    def news(self):
        """The cloud says that something has changed."""
        self.service._heard("boards/one/sync/changed/readings", b"{}")

    def synchronise(self):
        """Run the worker to its end; return the Failure with which it failed, or None."""
        work = synchronise(self.service)
        try:
            work.send(None)
        except StopIteration:
            return None
        except Failure as failure:
            assert failure.kind == AGAIN
            self.service._renewed()
            return failure
        raise AssertionError("it waits for something that never comes")

    def in_step(self):
        """Synchronise until nothing is left."""
        self.news()
        for _ in range(40):
            if self.synchronise() is None and not self.service._has_work():
                return
        raise AssertionError("not in step: " + str(self.said))


def started(direction=fields.BOTH):
    """A new board and its cloud."""
    flash = Flash()
    cloud = Cloud()
    return Board(flash, cloud, direction), cloud
