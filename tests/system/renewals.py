"""Boards whose certificate is due, and twins that issue certificates which are."""

import contextlib
import json
import re
import time

from device.core import fields, paths, slots
from muster.twin.settings import Settings
from tests.system import applications, mishaps, rig

MODES = [fields.KEYS_CLOUD, fields.KEYS_DEVICE]
DAY_S = 86400
OLD_S = 30 * DAY_S
BEGINS = "renew      renewing the certificate"
ASKED = "provision  ask $aws/certificates/create-from-csr/json"
RENEWED = "renew      the new certificate is good for "
# Readings in their order, each acknowledged by the cloud before the next one is taken.
READS = """
    number = 0
    while True:
        number += 1
        await muster.publish(muster.topic("reading"), {"number": number})
        muster.log("safe %d" % number)
        await asyncio.sleep_ms(600)
"""
SAFE = re.compile(r"app +safe (\d+)")


class Clock:
    """The time of a twin, which may be set back."""

    def __init__(self):
        self.ahead_s = 0

    def __call__(self):
        return time.time() + self.ahead_s


def settings(life_s, **changes):
    """Of a twin whose certificates live so long."""
    return Settings(
        authority_key="ec", claim_key="ec", key_pool=4, certificate_ttl_h=life_s / 3600, **changes
    )


def old_settings(clock):
    """Of a twin whose certificates have ten more minutes when they are issued `long_ago`."""
    return settings(OLD_S + 600, clock=clock)


@contextlib.contextmanager
def long_ago(twin):
    """The twin issues certificates as if it were 30 days ago, for the length of the block."""
    clock = twin.settings.clock
    clock.ahead_s = -OLD_S
    try:
        yield
    finally:
        clock.ahead_s = 0


def switched(is_on):
    """config.json with renewal on or off."""
    return json.dumps({fields.SERVICES: {fields.CLOUD: {"renew": is_on}}}).encode()


def flash(path, twin, serial, mode=fields.KEYS_DEVICE, app=READS, port=None, is_on=True, **provisioning):
    """The image of a board that has no identity yet."""
    extra = {paths.CONFIG: switched(is_on)}
    if app:
        extra.update(applications.compiled(path.parent / "app", applications.body(app)))
    section = {fields.KEYS: mode, fields.DAILY_CERTIFICATES: 100, **provisioning}
    intervals = {**mishaps.PATIENT, "renew_second_ms": 10, "heartbeat_ms": 1000}
    return mishaps.flash(
        path, twin, serial, port=port, intervals=intervals, extra=extra, provisioning=section
    )


def due(path, twin, serial, *args, **options):
    """The image of a board whose certificate is due; its id. The twin has `old_settings`."""
    flash(path, twin, serial, *args, is_on=False, **options)
    with long_ago(twin):
        rig.boot_to_the_end(path)
    mishaps.edit(path, {paths.CONFIG: switched(True)})
    return mishaps.identity(path)


def without_claim(path):
    """Remove the claim credentials: what follows needs none."""
    mishaps.edit(path, {mishaps.claim_path(name): None for name in slots.FILES})


def statuses(twin, serial):
    """{certificate id: status} of the certificates of a thing."""
    return {row.certificate_id: row.status for row in twin.registry.certificates.of_thing(serial)}


def nothing_lost(twin, serial, *machines):
    """Every reading that the application was told to be safe is in the cloud."""
    safe = {int(number) for machine in machines for number in SAFE.findall(machine.console)}
    topic = f"cameraDevice/{serial}/reading"
    got = {json.loads(message.payload)["number"] for message in twin.messages if message.topic == topic}
    assert safe and safe <= got, sorted(safe - got)


def goes_on(machine):
    """Wait until the application has delivered more."""
    start = len(machine.lines)
    for _ in range(2):
        machine.wait_for(SAFE, start=start)
        start = len(machine.lines)
