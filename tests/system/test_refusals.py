"""What one service may not do harms that service alone. AWS closes the connection, and says nothing."""

import pytest

from device.core import topics
from tests.system import mishaps, rig

FOREIGN = "somebody/else"
PERSON = "Trying again in 18"  # half an hour: only a person or the cloud can mend it

# Hears everything of its own, and says something all the time.
LISTENER = """
    heard = lambda topic, payload: self.say("heard %%s on %%s" %% (payload.decode(), topic))
    await state.session.subscribe(self.name, ["%(own)s/+/said"], heard, lambda: self.say("subscribed"))
    while True:
        await state.session.publish("%(own)s/porch/said", b"hello")
        await state.ports.clock.sleep_ms(100)
"""
OFFENCES = {
    "filter": (
        f'await state.session.subscribe(self.name, ["{FOREIGN}"], None)',
        f"lacks iot:Subscribe on topicfilter/{FOREIGN}",
    ),
    "publish": (
        f'await state.session.publish("{FOREIGN}", b"hello")',
        f"lacks iot:Publish on topic/{FOREIGN}",
    ),
    "no-filter": (
        'await state.session.subscribe(self.name, ["a/#/b"], None)',
        "the filter a/#/b has # before its end; correct it",
    ),
}


def _image(path, twin, serial, offence=None):
    """A board with a service that commits the offence beside one that listens."""
    own = f"{topics.DEFAULT_PREFIX}/{serial}"
    extra = mishaps.service("listener", LISTENER % {"own": own})
    if offence:
        extra.update(mishaps.service("offender", OFFENCES[offence][0]))
    services = ["listener", *(["offender"] if offence else [])]
    # Steady patience: 300 ms between connections.
    return mishaps.flash(path, twin, serial, services=services, extra=extra)


def _only_the_offender_fails(machine, offence):
    parts = (OFFENCES[offence][1], PERSON)
    mishaps.complaint(machine, "offender", *parts)
    machine.wait_for(rig.DONE)
    machine.wait_for("listener   heard hello on", start=len(machine.lines))
    beat = machine.wait_for("heartbeat", start=len(machine.lines))
    assert ", connected, " in beat and beat.endswith("failing: offender"), beat
    assert machine.console.count(PERSON) == 1, machine.console
    assert "iot:Connect" not in machine.console


def test_a_refusal_is_its_service_s_alone(twin, serial, tmp_path):
    images = {
        offence: _image(tmp_path / f"{offence}.img", twin, f"{serial}-{offence}", offence)
        for offence in OFFENCES
    }
    with mishaps.crowd(images) as machines:
        for offence, machine in machines.items():
            _only_the_offender_fails(machine, offence)


@pytest.mark.parametrize("number", range(3))
def test_a_forbidden_filter_does_not_cost_the_boot_status(twin, serial, tmp_path, number):
    """The offender alone, so that nothing but the boot status is there to be blamed."""
    extra = mishaps.service("offender", OFFENCES["filter"][0])
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, services=["offender"], extra=extra)
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        mishaps.complaint(machine, "offender", OFFENCES["filter"][1], PERSON)
        assert machine.console.count(PERSON) == 1, machine.console


def test_a_wildcard_is_delivered(twin, serial, tmp_path):
    path = _image(tmp_path / "flash.img", twin, serial)
    with mishaps.powered(path) as machine:
        machine.wait_for("listener   subscribed")
        machine.wait_for(f"listener   heard hello on {topics.DEFAULT_PREFIX}/{serial}/porch/said")
