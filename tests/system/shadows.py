"""What tests of shadows share: what the cloud desires of a board, and what it has reported."""

import contextlib
import json
import time

from device.core import fields, shadow_topics
from muster.registry import Registry
from muster.twin import shadow as service


def desire(twin, serial, desired, name=None):
    """What `muster set shadow` does, in this process."""
    update = shadow_topics.of(serial, name) + shadow_topics.UPDATE
    document = json.dumps({fields.STATE: {fields.DESIRED: desired}}).encode()
    with contextlib.closing(Registry(twin.home.root)) as registry, registry.transaction():
        answer, news = service.serve(registry, update, document, int(time.time()))
        for message in (answer, *news):
            registry.outbox.put(message.topic, message.payload)


def reported(twin, serial, name=None):
    with contextlib.closing(Registry(twin.home.root)) as registry:
        found = registry.shadows.get(serial, name or "")
    return (found.state or {}).get(fields.REPORTED) if found else None


def wait_reported(twin, serial, wanted, name=None):
    end_s = time.monotonic() + 60
    while reported(twin, serial, name) != wanted:
        assert time.monotonic() < end_s, reported(twin, serial, name)
        time.sleep(0.05)
