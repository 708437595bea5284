"""The boot status: published once per boot, and recorded in ento.conf once the cloud has it.

Topic, payload and the meaning of PROVISION_STATUS are the seed's (update_boot_status).
"""

import json

from device.core import fields, paths, topics
from device.runtime.modules import unload_readers
from device.runtime.service import Service


class Status(Service):
    """Publishes the boot status with QoS 1."""

    NEEDS = ("mqtt",)
    IN_SAFE_MODE = True

    def __init__(self, name, state):
        super().__init__(name, state)
        self._published = False

    async def run(self):
        if "mqtt" not in self.state.services:
            self.say("not published: mqtt is off")
            return
        settings = self.state.settings
        topic = topics.booted(settings.topic_prefix, settings.serial)
        if not self._published:
            # Formatted by hand: the seed's payload has a fixed order, MicroPython's dicts have none.
            names = (fields.BOOTED_SERIAL, json.dumps(settings.serial), fields.BOOT_STATUS)
            await self.state.session.publish(topic, ('{"%s": %s, "%s": true}' % names).encode())
            self._published = True  # if the flash fails now, only writing is repeated
        self._remember()
        self.say("published on %s, %s is %s" % (topic, fields.PROVISION_STATUS, fields.TRUE))

    def _remember(self):
        """Set PROVISION_STATUS unless it is set already, because flash wears out."""
        if self.state.settings.provisioned:
            return
        from device.core import conf_file

        store = self.state.ports.store
        store.write(paths.CONF, conf_file.with_status(store.read(paths.CONF), True))
        unload_readers()


SERVICE = Status
