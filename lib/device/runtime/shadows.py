"""The shadows of a board: fetched at start, in step while it is on line, kept on the flash. Loaded when used.

Only `reported` is ever written, and only by the board, so an update names no version: nobody else's change
can conflict with it. One request is under way for each shadow, so AWS's limit of 10 is never met.
"""

import asyncio
import json

from device.core import documents, fields, paths, shadow, shadow_topics, topics
from device.core.failures import GIVE_UP, Backoff, Failure

_MOST = 4
_MAX_FILE_BYTES = 16384
_MAX_WAITING = 4  # messages of one shadow
_ANSWER_MS = 20000
_SAVE_MS = 60000
_FIRST_MS = 2000
_LIMIT_MS = 300000
_LOOK_MS = 1000
_TURN_MS = 100
_ENDS = (
    topics.accepted(shadow_topics.GET),
    topics.rejected(shadow_topics.GET),
    topics.accepted(shadow_topics.UPDATE),
    topics.rejected(shadow_topics.UPDATE),
    shadow_topics.DELTA,
)


class Shadows:
    """All shadows of a board; the service `shadow` has one."""

    def __init__(self, service):
        self.service = service
        self.state = service.state
        self.wake = asyncio.Event()
        self._open = {}  # name, "" for the classic one -> OneShadow
        self._copies = self._read()  # of those that nobody has opened
        self._saved_ms = None

    def _read(self):
        """{name: copy} on the flash; {} when that cannot be used."""
        try:
            raw = self.state.ports.store.read(paths.SHADOW, _MAX_FILE_BYTES)
            copies = documents.loads(raw) if raw else {}
            if isinstance(copies, dict):
                return copies
        except (ValueError, Failure):
            pass
        self.service.warn("%s cannot be read; the shadows are fetched again" % paths.SHADOW)
        return {}

    def open(self, name=None):
        """The shadow `name`, made when it is new."""
        why = shadow_topics.name_fault(name) if name is not None else None
        if why:
            raise ValueError("the name of a shadow " + why)
        name = name or ""
        if name not in self._open:
            if len(self._open) >= _MOST:
                raise Failure(GIVE_UP, "there are %d shadows already" % _MOST, "use fewer")
            self._open[name] = OneShadow(self, name, self._copies.pop(name, None))
            self.wake.set()
        return self._open[name]

    def open_unsent(self):
        """Open those with something left to report; return whether there are any."""
        found = False
        for name in list(self._copies):
            copy = self._copies[name]
            is_left = isinstance(copy, dict) and copy.get(fields.PENDING) and len(self._open) < _MOST
            if is_left and not (name and shadow_topics.name_fault(name)):
                self.open(name or None)
                found = True
        return found

    def save(self):
        """Write the flash if something has changed, at most once a minute."""
        now_ms = self.state.ports.clock.ms()
        least_ms = self.state.ports.board.interval("shadow_save_ms", _SAVE_MS)
        is_urgent = any(one.is_urgent for one in self._open.values())
        if not any(one.is_changed for one in self._open.values()):
            return
        if self._saved_ms is not None and not is_urgent and now_ms - self._saved_ms < least_ms:
            return
        copies = dict(self._copies)
        for name in self._open:
            copies[name] = self._open[name].mirror.copy()
        raw = json.dumps(copies).encode()
        self._saved_ms = now_ms
        if len(raw) > _MAX_FILE_BYTES:
            self.service.warn("the shadows take %d bytes, and are not kept; use fewer" % len(raw))
        else:
            self.state.ports.store.write(paths.SHADOW, raw)
        for one in self._open.values():
            one.saved()

    async def run(self):
        """Keep them in step, as long as the service runs."""
        clock = self.state.ports.clock
        asked = []
        for one in self._open.values():
            one.renewed()
        while True:
            for one in list(self._open.values()):
                if one not in asked:
                    asked.append(one)
                    await self.state.session.subscribe(
                        self.service.name,
                        [one.prefix + end for end in _ENDS],
                        one.heard,
                        one.renewed,
                        one.left_out,
                    )
                await one.turn()
            self.save()
            await clock.wait(self.wake.wait(), _LOOK_MS)
            self.wake.clear()


class OneShadow:
    """One shadow, for a service and for the application."""

    def __init__(self, shadows, name, copy):
        self._shadows = shadows
        self._state = shadows.state
        self.name = name
        self.mirror = shadow.Mirror(copy)
        self.prefix = (
            shadow_topics.of(self._state.identity.thing_name, name or None) if self._state.identity else ""
        )
        self.is_changed = self.is_urgent = False
        self._is_on_flash = bool(copy and self.mirror.pending)  # a report that is still to be sent
        self._listener = None
        self._waiting = []  # (end of the topic, payload)
        self._must_get = True
        self._asked = None  # [request, token, until when an answer is awaited]
        self._not_before_ms = None
        ports = self._state.ports
        first_ms = ports.board.interval("retry_ms", _FIRST_MS)
        self._backoff = Backoff(first_ms, _LIMIT_MS, ports.board.random_bytes)
        self._number = self._sent = self._refused = 0  # of reports
        self._refusal = None

    # For the application

    def desired(self):
        """What the cloud desires, as far as the board knows."""
        return shadow.merged({}, self.mirror.desired)

    def reported(self):
        """What the board has reported, acknowledged or not."""
        return shadow.merged(self.mirror.reported, self.mirror.unsent())

    def on_change(self, listener):
        """Call `listener(changes)` for what is desired and not reported, now and whenever that changes.

        It must be short. What it returns is reported: a dict, or {} for nothing; None reports the changes.
        """
        self._listener = listener
        self.mirror.tell_again()
        if listener:
            self._tell()

    async def report(self, patch):
        """Report `patch`; None removes a key. Returns once the cloud or the flash has it.

        Raises ValueError for what AWS would not take, Failure when it refuses.
        """
        self._take(patch)
        number = self._number if self.mirror.unsent() else 0
        while self._sent < number:
            if self._refused >= number:
                raise self._refusal
            if not self._state.session.is_online():
                self._shadows.save()
                if not self.is_changed:
                    return
            await self._state.ports.clock.sleep_ms(_TURN_MS)

    def _take(self, patch):
        self.mirror.report(patch)
        if self.mirror.pending:
            self._number += 1
            self.is_changed = True
            self._shadows.wake.set()

    def _tell(self):
        """Let the application apply what has changed, and report it."""
        changes = self.mirror.changes() if self._listener else None
        if not changes:
            return
        answer = self._listener(shadow.merged({}, changes))
        try:
            self._take(changes if answer is None else answer)
        except ValueError as error:  # such as deeper than the board may report
            self._shadows.service.warn("%s: nothing is reported; %s" % (self.title(), error))

    # For Shadows

    def title(self):
        """What a person calls it."""
        return "shadow " + self.name if self.name else "the classic shadow"

    def saved(self):
        """The flash has what is known now."""
        self.is_changed = self.is_urgent = False
        self._is_on_flash = bool(self.mirror.unsent())

    def heard(self, topic, payload):
        """A message of the cloud: `turn` reads it."""
        if len(self._waiting) >= _MAX_WAITING:
            self._waiting.pop(0)
            self._must_get = True
        self._waiting.append((topic[len(self.prefix) :], payload))
        self._shadows.wake.set()

    def left_out(self, topic):
        """The answer was too large: do without it until there is another connection."""
        if self._asked and topic.endswith(topics.accepted(self._asked[0])):
            if self._asked[0] == shadow_topics.GET:
                self._asked = None
            self._shadows.wake.set()

    def renewed(self):
        """There is a new connection: what was asked on the old one is not answered any more."""
        if not self.prefix:
            self.prefix = shadow_topics.of(self._state.identity.thing_name, self.name or None)
        self._asked = None
        self._must_get = True
        self._not_before_ms = None
        self.mirror.returned()
        self._shadows.wake.set()

    async def turn(self):
        """Read what was heard, and ask what there is to ask."""
        while self._waiting:
            end, payload = self._waiting.pop(0)
            self._read(end, payload)
            payload = None
        now_ms = self._state.ports.clock.ms()
        if self._asked and now_ms - self._asked[2] >= 0:
            self._shadows.service.warn("%s: no answer; asking again" % self.title())
            self._wait_before(self._asked[0] == shadow_topics.GET)
        if self._asked or not self._state.session.is_online():
            return
        if self._not_before_ms is not None and now_ms - self._not_before_ms < 0:
            return
        if self._must_get:
            self._must_get = False
            await self._ask(shadow_topics.GET, {})
        elif self.mirror.pending:
            number = self._number
            state = {fields.REPORTED: self.mirror.request()}
            await self._ask(shadow_topics.UPDATE, {fields.STATE: state}, number)

    async def _ask(self, request, document, number=0):
        ports = self._state.ports
        token = "".join("%02x" % byte for byte in ports.board.random_bytes(6))
        document[fields.CLIENT_TOKEN] = token
        limit_ms = ports.board.interval("answer_ms", _ANSWER_MS)
        self._asked = [request, token, ports.clock.ms() + limit_ms, number]
        await self._state.session.publish(self.prefix + request, json.dumps(document).encode())

    def _wait_before(self, is_get):
        """The request is repeated after a while."""
        self._asked = None
        self._must_get = self._must_get or is_get
        self.mirror.returned()
        self._not_before_ms = self._state.ports.clock.ms() + self._backoff.next_ms()

    def _read(self, end, payload):
        """Act on one message; a document that cannot be used changes nothing."""
        try:
            if end == shadow_topics.DELTA:
                if self.mirror.heard(payload):
                    self._changed()
                return
            asked = self._asked
            token = shadow.text(payload, fields.CLIENT_TOKEN)
            if not asked or token != asked[1] and (token or end != topics.rejected(asked[0])):
                return  # the answer to somebody else; a request refused unread is refused without its token
            if end == topics.accepted(asked[0]):
                self._accepted(asked, payload)
            elif end == topics.rejected(asked[0]):
                self._rejected(asked, payload)
        except ValueError as error:
            self._shadows.service.warn("%s: the cloud's document is left out: %s" % (self.title(), error))
            if end != shadow_topics.DELTA:
                self._asked = None
                self.mirror.returned()
                self._not_before_ms = self._state.ports.clock.ms() + self._backoff.next_ms()

    def _changed(self):
        self.is_changed = True
        self._tell()

    def _accepted(self, asked, payload):
        if asked[0] == shadow_topics.GET:
            self.mirror.got(payload)
            self._shadows.service.say("%s: version %d" % (self.title(), self.mirror.version))
            self._asked = None
            self._changed()
        else:
            self.mirror.accepted(payload)
            self._asked = None
            self._sent = asked[3]
            self.is_urgent = self._is_on_flash  # else it would be reported again after a restart
            self.is_changed = self.is_changed and bool(self.mirror.pending) or self.is_urgent
        self._backoff.reset()

    def _rejected(self, asked, payload):
        code = shadow.number(payload, fields.CODE)
        why = "%s: the shadow was refused: %d %s" % (
            self.title(),
            code,
            shadow.text(payload, fields.MESSAGE)[:100],
        )
        is_get = asked[0] == shadow_topics.GET
        verdict = shadow.verdict(code)
        if verdict == shadow.NONE and is_get:
            self._asked = None
            self.mirror.gone()
            self._shadows.wake.set()
        elif verdict in (shadow.STALE, shadow.AGAIN):
            self._shadows.service.say(why + "; asking again")
            self._wait_before(is_get or verdict == shadow.STALE)
        else:
            self._asked = None
            self._shadows.service.warn(why)
            if not is_get:
                self.mirror.refused()
                self._refused, self._refusal = asked[3], Failure(GIVE_UP, why, "correct what is reported")
                self.is_changed = self.is_urgent = True


class OfApplication:
    """A shadow as an application sees it: an error of its function is the application's."""

    def __init__(self, shadow, muster):
        self._shadow = shadow
        self._muster = muster
        self.report = shadow.report
        self.desired = shadow.desired
        self.reported = shadow.reported

    def on_change(self, function):
        """See OneShadow; None ends it."""
        if function is not None and not callable(function):
            raise TypeError("on_change needs a function")
        self._shadow.on_change(function and (lambda changes: self._muster.apply(function, changes)))
