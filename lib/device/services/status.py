"""The boot status: published once at every boot, and remembered in ento.conf once the cloud has it.

Topic, payload and the meaning of PROVISION_STATUS are the seed's (update_boot_status).
"""

import json

from device.core import config, fields, paths, topics
from device.services import Service


class Status(Service):
    """Publishes the boot status with QoS 1; needs the mqtt service."""

    NAME = "status"

    def __init__(self, context):
        super().__init__(context)
        self._published = False

    async def run(self):
        mqtt = self.context.services.get("mqtt")
        if mqtt is None:
            self.say("not published: mqtt is not there")
            return
        settings = self.context.settings
        # Written by hand: MicroPython's dicts have no order, and the seed's payload has one.
        payload = '{"%s": %s, "%s": true}' % (
            fields.BOOTED_SERIAL,
            json.dumps(settings.serial),
            fields.BOOT_STATUS,
        )
        topic = topics.booted(settings.topic_prefix, settings.serial)
        if not self._published:
            await mqtt.publish(topic, payload.encode())
            self._published = True  # if the flash now fails, only the writing is repeated
        self._remember()
        self.say("published on %s, %s is %s" % (topic, fields.PROVISION_STATUS, fields.TRUE))

    def _remember(self):
        """Set PROVISION_STATUS, unless the file says so already: flash wears out."""
        store = self.context.store
        raw = store.read(paths.CONF)
        if config.document(raw)[fields.DEVICE].get(fields.PROVISION_STATUS) != fields.TRUE:
            store.write(paths.CONF, config.with_status(raw, True))


SERVICE = Status
