"""What the application is given: the object `muster` of `async def main(muster)`.

How to use it: docs/application.md. A wrong argument raises ValueError or TypeError; what the board, its flash
or the cloud refuses raises `Failure`.
"""

import asyncio
import json

from device.core import paths, topics
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.runtime.service import STOPPED

_MAX_WAITING = 8  # messages at a time; each holds its payload
_MAX_PAYLOAD_BYTES = 8192
_MAX_FILTERS = 16
_NAME = "app"
_JSON = (dict, list, tuple, int, float, type(None))  # bool is an int
_NOT_READY_MS = 100
_ERRORS = (Exception, SystemExit)


class Muster:
    """The board, as its application sees it."""

    Failure = Failure  # for `except muster.Failure`

    def __init__(self, state, tasks, service, fail):
        self._state = state
        self._tasks = tasks  # own_tasks.OwnTasks
        self.log = service.say  # log(text): print a line on the console, and keep it in the log
        self.warn = service.warn  # the same for what a person should know about
        self._fail = fail
        self._operations = []  # tasks of this module: the application's may end in the middle of a packet
        self._publishing = 0
        self._filters = 0
        self._shadows = {}
        self._settings = None
        self._settings_of = None  # the identity with which they were read

    # The cloud

    def is_online(self):
        """Whether the board is connected to the cloud."""
        return self._state.session.is_online()

    async def online(self):
        """Wait until the board is connected to the cloud."""
        await self._state.session.online()

    def topic(self, name):
        """The board's own topic `name`: <topicPrefix>/<serial>/<name>."""
        settings = self._state.settings
        if settings is None:
            raise Failure(GIVE_UP, "the board has no name", "correct " + paths.CONF)
        return topics.own(settings.topic_prefix, settings.serial, name)

    async def publish(self, topic, payload, qos=1):
        """Publish once the board is online; with QoS 1, return when the cloud has it.

        `payload`: bytes, text, or what becomes JSON. Raises Failure when too many messages wait already.
        With QoS 1 it goes through the queue: what waits long is stored, and delivered also after a power cut.
        """
        payload = self._checked(topic, payload)
        if self._publishing + len(self._operations) >= _MAX_WAITING:
            raise Failure(AGAIN, "%d messages wait already" % _MAX_WAITING, "await each publish")
        queue = self._queue() if qos else None
        if queue is None:
            await self._do(self._state.session.publish(topic, payload, qos))
            return
        self._publishing += 1
        try:
            await queue.deliver(topic, payload)
        finally:
            self._publishing -= 1

    async def queue(self, topic, payload):
        """The same, but return as soon as the message is safe: the cloud has it, or it is on the flash."""
        queue = self._queue()
        if queue is None:
            raise Failure(GIVE_UP, "there is no queue", "switch it on in " + paths.CONFIG)
        await queue.deliver(topic, self._checked(topic, payload), True)

    def _queue(self):
        """The service with this name while it runs, or None."""
        service = self._state.services.get("queue")
        return service if hasattr(service, "deliver") and service.ready.is_set() else None

    def _checked(self, topic, payload):
        """The bytes of `payload`, if it can be published on `topic`."""
        fault = topics.topic_fault(topic)
        if fault:
            raise ValueError("the topic %r %s" % (topic, fault))
        if isinstance(payload, _JSON):
            payload = json.dumps(payload)
        if isinstance(payload, str):
            payload = payload.encode()
        if not isinstance(payload, (bytes, bytearray)):
            raise TypeError("the payload must be bytes, text, or a value for JSON")
        if len(payload) > _MAX_PAYLOAD_BYTES:
            raise ValueError("the payload has %d bytes; the limit is %d" % (len(payload), _MAX_PAYLOAD_BYTES))
        return bytes(payload)

    async def subscribe(self, topic_filter, on_message):
        """Call `on_message(topic, payload)`, a plain function, for each message that matches the filter.

        Returns once the cloud has granted it; it stays over reconnections.
        """
        if not callable(on_message):
            raise TypeError("on_message must be a function")
        if self._filters >= _MAX_FILTERS:
            raise Failure(GIVE_UP, "the application has %d subscriptions already" % _MAX_FILTERS)
        self._filters += 1

        told = self._told(on_message, "on_message")
        await self._do(self._state.session.subscribe(_NAME, [topic_filter], told))

    def _told(self, function, what):
        """A function that calls the application's `function`, whose errors end only the application."""

        def told(*facts):
            try:
                if self._tasks.inside(function, *facts) is not None:
                    raise TypeError("%s must be a plain function that returns nothing" % what)
            except _ERRORS as error:
                self._fail(error)

        return told

    def on_command(self, name, function):
        """Call `function(payload)`, a plain function, for each command `name` that the cloud sends.

        Its topic is <topicPrefix>/<serial>/command/<name>. It stays over reconnections.
        """
        if not callable(function):
            raise TypeError("the command needs a function")
        told = self._told(function, "the function of a command")
        self._service("commands", "carry_out").carry_out(name, told)

    async def _do(self, work):
        """Do `work` in a task of its own: ending it within a packet would cost the connection."""
        outcome = [asyncio.Event(), None]
        task = self._tasks.create_foreign(self._carry(work, outcome))
        self._operations.append(task)
        try:
            await outcome[0].wait()
        except asyncio.CancelledError:
            self._give_up(task)
            raise
        if outcome[1]:
            raise outcome[1]

    async def _carry(self, work, outcome):
        try:
            await work
        except Exception as error:
            outcome[1] = error
        finally:
            self._operations.remove(asyncio.current_task())
            outcome[0].set()

    def _give_up(self, task):
        """End an operation that nobody waits for, unless a packet of it may be under way."""
        if not task.done() and not self.is_online():
            task.cancel()

    def close(self):
        """Forget subscriptions, and the messages that wait."""
        self._state.session.forget(_NAME)
        self._state.commands.clear()
        for shadow in self._shadows.values():
            shadow.on_change(None)
        for task in self._operations:
            self._give_up(task)

    # The board

    async def table(self, name):
        """The table `name` of the board's database."""
        return (await self._ready("database", "table")).table(name)

    async def url(self):
        """The board's HTTP client: get, post, request, download."""
        return await self._ready("url", "get")

    def _service(self, name, offers):
        """The service `name`. One that is stopped offers nothing."""
        service = self._state.services.get(name)
        if service and service.condition == STOPPED:
            raise Failure(AGAIN, name + " is stopped: memory is short", "it starts again by itself")
        if not hasattr(service, offers):
            raise Failure(GIVE_UP, "there is no " + name, "switch it on in " + paths.CONFIG)
        return service

    async def _ready(self, name, offers):
        """The same, once it is ready."""
        service = self._service(name, offers)
        while not service.ready.is_set():
            if service.failure:
                raise service.failure
            await self._state.ports.clock.sleep_ms(_NOT_READY_MS)
        return service

    def shadow(self, name=None):
        """The board's shadow of this name, the classic one without; also off line.

        `shadow.on_change(f)`: `f(changes)` is called for what the cloud desires and the board has not
        reported; what it returns is reported, the changes themselves when it returns None.
        `await shadow.report({...})` returns once the cloud or the flash has it. `desired()`, `reported()`.
        """
        if name not in self._shadows:
            self._shadows[name] = self._service("shadow", "open_for").open_for(self, name)
        return self._shadows[name]

    def apply(self, function, changes):
        """What the application's `function` makes of `changes`; {} when it fails."""
        try:
            return self._tasks.inside(function, changes)
        except _ERRORS as error:
            self._fail(error)
        return {}

    def unix(self):
        """The time in Unix seconds: of the network once the board has been on it, otherwise at least that
        of the last start."""
        return self._state.ports.clock.unix()

    def identity(self):
        """Who the board is: board, serial, and once it is provisioned thing, certificate, endpoint."""
        state = self._state
        facts = {"board": state.ports.board.name(), "serial": state.settings.serial if state.settings else ""}
        if state.identity:
            facts["thing"] = state.identity.thing_name
            facts["certificate"] = state.identity.certificate_id
            facts["endpoint"] = state.identity.endpoint
        return facts

    def settings(self):
        """The application's settings: "app" in ento.conf over the cloud's deviceConfiguration."""
        if self._settings is None or self._settings_of is not self._state.identity:
            from device.core import app_settings
            from device.runtime.modules import unload_readers

            store = self._state.ports.store
            self._settings_of = self._state.identity
            self._settings = app_settings.application(store.read(paths.CONF), store.read(paths.PROVISION))
            unload_readers()
        return self._settings

    def setting(self, name, default):
        """One setting, of the type of its default (the cloud's are all texts), or else a Failure."""
        value = self.settings().get(name, default)
        kind = type(default)
        if default is None or type(value) is kind:
            return value
        try:
            if kind is bool:
                return {"true": True, "false": False}[value.lower()]
            if kind in (int, float) and type(value) in (int, str):
                return kind(value)
        except (ValueError, KeyError, AttributeError):
            pass
        raise Failure(
            GIVE_UP,
            "the setting %s of the application must be like %r" % (name, default),
            "correct " + paths.CONF,
        )
