"""Carries out commands from the cloud: reboot, release, and the application's own (docs/services.md)."""

import asyncio

from device.core import fields, topics
from device.core.failures import GIVE_UP, Failure
from device.runtime.modules import unload, unload_readers
from device.runtime.service import Service

_MOST = 4  # that wait; more at once are ignored
_MAX_NAME = 32
_MAX_OF_APPLICATION = 16
_MAX_BYTES = 1100  # of one that waits
_QUIET_MS = 5000  # between two lines about commands that are ignored


class Commands(Service):
    """Hears <topicPrefix>/<serial>/command/<name>."""

    NEEDS = ("mqtt",)
    IN_CLOUD = True

    def __init__(self, name, state):
        super().__init__(name, state)
        self._waiting = []  # (topic, payload, whether it is retained)
        self._news = asyncio.Event()
        self._unsaid = 0  # commands that were ignored without a line
        self._said_ms = None

    def carry_out(self, name, function):
        """Call the application's `function(payload)` for each command `name`. Raises ValueError, Failure."""
        fault = topics.name_fault(name, _MAX_NAME)
        if fault or name in (fields.REBOOT, fields.RELEASE):
            raise ValueError("the command %r %s" % (name, fault or "is the board's own"))
        if len(self.state.commands) >= _MAX_OF_APPLICATION:
            raise Failure(GIVE_UP, "the application has %d commands already" % _MAX_OF_APPLICATION)
        self.state.commands[name] = function

    async def run(self):
        if "mqtt" not in self.state.services:
            self.say("not heard: mqtt is off")
            return
        settings = self.state.settings
        prefix, serial = settings.topic_prefix, settings.serial
        everything = [topics.command(prefix, serial, "+")]
        await self.state.session.subscribe(self.name, everything, self._heard)
        self.ready.set()
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                topic, payload, is_retained = self._waiting.pop(0)
                name = topics.command_of(prefix, serial, topic)
                if topics.name_fault(name, _MAX_NAME):
                    self._ignore("a command was ignored: its name is not 1 to 32 of letters, digits, : _ -")
                else:
                    await self._act(name, payload, is_retained)

    def _heard(self, topic, payload):
        if len(self._waiting) >= _MOST:
            self._unsaid += 1
            return
        self._waiting.append((topic, bytes(payload[:_MAX_BYTES]), self.state.session.is_retained()))
        self._news.set()

    async def _act(self, name, payload, is_retained):
        why = self._fault(name, payload, is_retained)
        if why:
            self._ignore("%s was ignored: it %s" % (name, why))
        elif name == fields.REBOOT:
            await self._leave("restarting, as the cloud has commanded")
        elif name == fields.RELEASE:
            await self._release()
        elif name in self.state.commands:
            self.say("%s is passed to the application" % name)
            self.state.commands[name](payload)
        else:
            known = ", ".join([fields.REBOOT, fields.RELEASE] + sorted(self.state.commands))
            self._ignore("%s was ignored: this board knows %s" % (name, known))

    def _fault(self, name, payload, is_retained):
        from device.core import commands

        clock = self.state.ports.clock
        now_s = clock.unix()
        why = commands.fault(name, payload, is_retained, now_s, now_s - clock.ms() // 1000)
        unload("device.core.commands")
        unload_readers()
        return why

    async def _release(self):
        from device.runtime import leaving

        try:
            leaving.release(self.state)
        except Failure as failure:
            self.warn("not released: %s" % failure)
            return
        await self._leave("released by the cloud: the identity is put aside; restarting")

    async def _leave(self, text):
        from device.runtime import leaving

        self.say(text)
        await leaving.restart(self.state)

    def _ignore(self, text):
        """Say that a command was ignored, now and then: anybody with the right policy can send many."""
        now_ms = self.state.ports.clock.ms()
        if self._said_ms is not None and now_ms - self._said_ms < _QUIET_MS:
            self._unsaid += 1
            return
        if self._unsaid:
            text += "; so were %d before" % self._unsaid
        self._unsaid, self._said_ms = 0, now_ms
        self.warn(text)


SERVICE = Commands
