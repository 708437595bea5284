"""Synchronises tables with the cloud until nothing is left to do. Loaded for that, then unloaded.

core.sync knows what is said, core.unsent what there is to say; docs/sync.md is the protocol.
"""

import json

from device.core import fields, paths, sync, unsent
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.core.log import DEBUG, INFO

_ACCEPTED = "accepted"
_ANSWER_MS = 20000
_SAVE_EVERY = 16  # messages: so many may be sent again after a power cut
_PAUSE_MS = 60  # between two messages: a cloud has limits, and the others on the board have their turn


async def synchronise(service):
    """Bring all tables of the service in step. Raises Failure."""
    work = _Work(service)
    full = None
    for name in work.directions:
        try:
            await work.table(name)
        except Failure as failure:
            if failure.kind != GIVE_UP:
                raise
            full = full or failure.during(name)  # no room for what the cloud has: the other tables go on
    if full:
        raise Failure(AGAIN, full.cause, full.advice, full.step)


class _Work:
    """One synchronisation."""

    def __init__(self, service):
        self._service = service
        self._state = service.state
        self.directions = service.directions
        if service.known is None:
            identity, ports = self._state.identity, self._state.ports
            cloud = sync.origin(identity.endpoint, identity.thing_name)
            raw = ports.store.read(paths.SYNC)
            service.known = sync.known(raw, cloud, ports.board.random_bytes)
            service.number = service.known[fields.NUMBER]
            self._begin()
        self._known = service.known
        self._counts = [0, 0]

    def _begin(self):
        """Let each table go on where sync.json says."""
        service = self._service
        for name in self.directions:
            row = service.known[fields.TABLES].setdefault(name, [0, 0])
            table = self._table(name)
            if self.directions[name] == fields.DOWN:
                table.unsent = None
            elif table.unsent is None or table.unsent > row[0]:
                table.unsent = row[0]

    def _table(self, name):
        table = self._service.table(name)
        if table is None:
            raise Failure(AGAIN, "the database was stopped")
        return table

    async def table(self, name):
        """Bring one table in step."""
        service = self._service
        is_first = service.is_renewed or name in service.due
        self._counts = [0, 0]
        while await self._exchange(name):
            await self._state.ports.clock.sleep_ms(_PAUSE_MS)
        untold = unsent.told(self._table(name))
        if untold:
            service.warn("%s: the cloud is not told of %d deletions: too many" % (name, untold))
        sent, fetched = self._counts
        if sent or fetched:
            level = INFO if is_first or fetched else DEBUG
            service.say("%s: %d changes sent, %d fetched" % (name, sent, fetched), level)

    async def _exchange(self, name):
        """Send what is to be sent, fetch what is to be fetched; return whether there was more.

        What is changed meanwhile waits for the next time: a busy table must not keep the others waiting.
        """
        service, table = self._service, self._table(name)
        batch = None
        if table.unsent is not None:
            batch = unsent.Batch(table)
            while not batch.step():
                await self._state.ports.clock.sleep_ms(0)
            if not batch.changes:
                table.unsent = batch.end
        is_due = name in service.due
        if not is_due and not (batch and batch.changes):
            return False
        if is_due:
            service.due.remove(name)  # now: news that come meanwhile count again
        seen = None if self.directions[name] == fields.UP else self._known[fields.TABLES][name][1]
        answer = await self._ask(name, seen, batch.changes if batch else ())
        if answer is None:
            return True
        if answer.refused:
            text = "%s: %d changes do not count: the cloud has changed the same documents"
            service.say(text % (name, answer.refused))
        await self._take(name, table, batch, answer)
        return name in service.due or bool(batch and batch.is_full)

    async def _ask(self, name, seen, changes):
        """The cloud's answer; None when there is another connection, and the question is open again."""
        service = self._service
        number = self._next_number()
        service.is_renewed = False
        service.answers = []
        try:
            await self._send(sync.request(self._known, name, number, seen is not None, changes))
            answer = await self._awaited(name, number, seen)
        finally:
            service.answers = None
        if answer:
            self._counts[0] += len(changes) - answer.refused
        return answer

    async def _send(self, raw):
        try:
            await self._state.session.publish(self._service.topic, raw)
        except Failure as failure:  # a bad link looks like a refusal, too: half an hour is too long for it
            raise Failure(AGAIN, failure.cause, failure.advice, failure.step)

    async def _awaited(self, name, number, seen):
        """The answer to message `number`; None when there is another connection."""
        service, ports = self._service, self._state.ports
        end_ms = ports.clock.ms() + ports.board.interval("answer_ms", _ANSWER_MS)
        while not service.is_renewed:
            service.heard.clear()
            while service.answers:
                answer = self._read(service.answers.pop(0), name, number, seen)
                if answer:
                    return answer
            left_ms = end_ms - ports.clock.ms()
            if left_ms > 0:
                await ports.clock.wait(service.heard.wait(), left_ms)
            elif self._state.session.is_online():
                advice = "look whether the cloud serves " + service.topic
                raise Failure(AGAIN, "no answer from the cloud", advice, name)
            else:
                await self._state.session.online()
        return None

    def _read(self, heard, name, number, seen):
        """An answer to message `number`; None when it is another. Raises Failure."""
        topic, raw = heard
        try:
            if topic.endswith(_ACCEPTED):
                answer = sync.Answer(raw, name, number, seen)
                return answer if answer.is_ours else None
            refused = sync.refusal(raw, name, number)
        except ValueError as error:
            raise Failure(AGAIN, "the cloud's answer cannot be used: %s" % error, "", name)
        if refused is None:
            return None
        code, text, last = refused
        if last is not None:
            self._service.number = last  # an old flash is back: go on after what the cloud knows
        raise Failure(AGAIN, "the cloud refused: %d %s" % (code, text), "", name)

    def _next_number(self):
        service = self._service
        service.number += 1
        if service.number > self._known[fields.NUMBER]:
            self._known[fields.NUMBER] = service.number + sync.NUMBERS_AT_ONCE - 1
            self._save()  # before it is used
        return service.number

    async def _take(self, name, table, batch, answer):
        """Do what the answer says."""
        row = self._known[fields.TABLES][name]
        if answer.is_cloud_new:
            self._service.warn("%s: the cloud has forgotten it; everything is sent again" % name)
            row[1] = 0
            if table.unsent is not None:
                table.unsent = 0
            self._service.due.append(name)
            self._save()
            return
        if batch:
            table.unsent = batch.end
        try:
            for number in sync.apply(table, answer.changes, self._service.warn):
                row[1] = number
                await self._state.ports.clock.sleep_ms(0)
            self._counts[1] += len(answer.changes)
            if answer.seen is not None:
                row[1] = answer.seen
        finally:  # without changes of the cloud, the number only counts the board's own
            if answer.changes or self._service.number % _SAVE_EVERY == 0:
                self._save()
        if answer.is_more and name not in self._service.due:
            self._service.due.append(name)

    def _save(self):
        """Write sync.json: the numbers of a table are on flash before they are used in another request."""
        if not self._service.directions:  # the board was released: the next cloud is another
            return
        tables = self._known[fields.TABLES]
        for name in self.directions:
            table = self._table(name)
            if table.unsent is not None:
                tables[name][0] = table.unsent
        self._state.ports.store.write(paths.SYNC, json.dumps(self._known).encode())
