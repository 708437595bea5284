"""After provisioning: the loop outlives the connection, the services and boot.py."""

import contextlib
import json
import re

from device.core import fields, paths, topics
from muster.registry.certificates import ACTIVE, REVOKED
from muster.relay import Relay
from muster.twin.server import running_twin
from muster.twin.settings import Settings
from muster.virtual import EXIT_END, EXIT_RESET, EXIT_WATCHDOG
from tests.system import mishaps, rig
from tests.system.listeners import Listener
from tools.twin.raw import Raw

# No jitter: the wait is the whole window, so that a line tells how often something has failed.
STEADY = mishaps.changed("device/port/board.py", "return os.urandom(count)", 'return b"\\xff" * count')
QUICK_MQTT = mishaps.patched("device/services/mqtt.py", _FIRST_MS=64)
QUICK_SUPERVISOR = mishaps.patched("device/runtime/supervisor.py", _FIRST_MS=64)


def _boots(twin, serial):
    topic = topics.booted(topics.DEFAULT_PREFIX, serial)
    return len([message for message in twin.messages if message.topic == topic])


def _reconnected(machine, times):
    """Wait until the board has connected so many times."""
    start = 0
    for _ in range(times):
        line = machine.wait_for("mqtt       connected to", 30, start=start)
        start = machine.lines.index(line, start) + 1
    return machine.lines[start - 1]


def test_revoked_and_made_good(twin, serial, tmp_path):
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=QUICK_MQTT)
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        certificate_id = mishaps.identity(path)
        twin.registry.certificates.set_status(certificate_id, REVOKED)
        mishaps.complaint(machine, "mqtt", "the server closed the connection", "certificate was revoked")
        parts = ("mqtt", "closed", f"probably revoked, or its policy lacks iot:Connect on client/{serial}")
        mishaps.complaint(machine, *parts, "Connecting again in")
        mishaps.still_runs(machine)
        assert "not connected" in machine.lines[-1] and "ailing: mqtt" in machine.lines[-1]
        twin.registry.certificates.set_status(certificate_id, ACTIVE)
        _reconnected(machine, 2)
        machine.wait_for("connected, ", start=len(machine.lines))
    assert _boots(twin, serial) == 1


def _as_the_board(twin, folder, path):
    """Where the board's certificate and key are, for another client."""
    files = rig.on_flash(path)
    places = []
    for name in (paths.CERTIFICATE, paths.PRIVATE_KEY):
        place = folder / name
        place.touch(mode=0o600)
        place.write_bytes(files[f"{paths.CERT}/{name}"])
        places.append(place)
    return places


def test_two_of_one_name_go_slower(twin, serial, tmp_path):
    """Another client takes the board's name, again and again; each time the board waits longer."""
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra={**QUICK_MQTT, **STEADY})
    with mishaps.powered(path) as machine, contextlib.ExitStack() as stack:
        machine.wait_for(rig.DONE)
        certificate, key = _as_the_board(twin, tmp_path, path)
        for times in range(1, 6):
            stack.enter_context(Raw(twin, certificate, key)).connect(serial)
            _reconnected(machine, times + 1)
        mishaps.complaint(machine, "closed the connection", f"took the name {serial}", "again in 2 s")
    assert _boots(twin, serial) == 1


ECHO = """
    mqtt = context.services["mqtt"]
    topic = "%s"
    await mqtt.subscribe([topic], lambda topic, payload: self.say("heard " + payload.decode()))
    self.ready.set()
    while True:
        await mqtt.publish(topic, b"itself")
        await context.clock.sleep_ms(200)
"""


def test_twin_restarted(tmp_path, serial):
    """The board comes back by itself, and so do its subscriptions."""
    quick = {"authority_key": "ec", "claim_key": "ec", "key_pool": 0}
    topic = f"{topics.DEFAULT_PREFIX}/{serial}/echo"
    with running_twin(tmp_path / "twin", Settings(**quick)) as twin:
        extra = {**QUICK_MQTT, **mishaps.service("url", ECHO % topic)}
        provisioning = {fields.KEYS: fields.KEYS_DEVICE}
        path = mishaps.flash(tmp_path / "f.img", twin, serial, extra=extra, provisioning=provisioning)
        port = twin.port
        machine = rig.board(path).start()
        try:
            machine.wait_for(rig.DONE)
            machine.wait_for("heard itself")
        except BaseException:
            machine.stop()
            raise
    try:
        mishaps.complaint(machine, "refuses connections")
        with running_twin(tmp_path / "twin", Settings(**quick, mqtt_port=port)) as twin:
            _reconnected(machine, 2)
            machine.wait_for("heard itself", start=len(machine.lines))
            assert _boots(twin, serial) == 0, "the boot status is of the boot, not of the connection"
    finally:
        machine.stop()


BAD_SERVICES = {
    "at-import": (mishaps.compiled("device/services/url.py", "1 / 0\n"), "cannot be loaded", "ZeroDivision"),
    "no-service": (mishaps.compiled("device/services/url.py", "x = 1\n"), "cannot be loaded", "SERVICE"),
    "at-once": (mishaps.service("url", "raise KeyError('x')"), "failed: KeyError", "Trying again in 2 s"),
    "later": (
        mishaps.service("url", "await context.clock.sleep_ms(50)\nraise OSError(5)"),
        "failed: OSError",
        "Trying again in 2 s",
    ),
    "no-memory": (mishaps.service("url", "bytearray(1 << 30)"), "not enough memory", "switch services off"),
    "ends": (mishaps.service("url", "self.say('was here')"), "was here", ""),
}


def test_bad_service_stops_nobody(twin, serial, tmp_path):
    images = {}
    for name, (files, _, _) in BAD_SERVICES.items():
        extra = {**mishaps.built_with("url"), **files, **QUICK_SUPERVISOR, **STEADY}
        images[name] = mishaps.flash(tmp_path / f"{name}.img", twin, f"{serial}-{name}", extra=extra)
    with mishaps.crowd(images) as machines:
        for name, machine in machines.items():
            mishaps.complaint(machine, "url", *BAD_SERVICES[name][1:])
            machine.wait_for(rig.DONE)
            mishaps.still_runs(machine)


def test_watchdog(twin, serial, tmp_path):
    """The loop feeds it, through a whole good run; a service that blocks the loop meets it."""
    dog = mishaps.patched("device/port/board_linux.py", WATCHDOG_MS=1500)
    blocks = mishaps.service("url", "await context.clock.sleep_ms(300)\ntime.sleep(30)")
    images = {
        "good": mishaps.flash(tmp_path / "good.img", twin, f"{serial}-good", extra=dog),
        "bad": mishaps.flash(tmp_path / "bad.img", twin, f"{serial}-bad", extra={**dog, **blocks}),
    }
    with mishaps.crowd(images) as machines:
        assert machines["bad"].wait() == EXIT_WATCHDOG
        machines["good"].wait_for(re.compile("heartbeat .* up [4-9] s, connected"))
        assert machines["good"].running


def test_offline(twin, serial, tmp_path):
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra={paths.OFFLINE: b""})
    before = rig.on_flash(path)
    with mishaps.powered(path) as machine:
        assert machine.wait() == EXIT_END
    assert "boot       offline: the host put" in machine.console
    assert "main       offline" in machine.console
    assert "network" not in machine.console and "provision" not in machine.console
    assert rig.on_flash(path) == before


def _switches(**services):
    return json.dumps({fields.SERVICES: services}).encode()


CONFIGS = {
    "no-cloud": (_switches(cloud=False), "the board has no identity; switch provisioning on", None),
    "no-provision": (_switches(cloud={"provision": False}), "switch provisioning on in", None),
    "no-mqtt": (_switches(mqtt=False), "status     not published: mqtt is not there", "mqtt       connected"),
    "quiet": (_switches(heartbeat=False), rig.DONE, "heartbeat"),
    "unknown": (_switches(teapot=False), rig.DONE, None),
    "cut": (b'{"services": {"mq', f"{paths.CONFIG}: is not a JSON object", None),
    "list": (b"[]", "correct the file; all services are on", None),
    "number": (b'{"services": 5}', "correct the file; all services are on", None),
    "not-utf-8": (b'{"services": "\xff"}', "correct the file; all services are on", None),
}


def test_switches(twin, serial, tmp_path):
    images = {
        name: mishaps.flash(tmp_path / f"{name}.img", twin, f"{serial}-{name}", extra={paths.CONFIG: raw})
        for name, (raw, _, _) in CONFIGS.items()
    }
    with mishaps.crowd(images) as machines:
        for name, (_, wanted, _) in CONFIGS.items():
            machines[name].wait_for(wanted)
            if "all services are on" in wanted:
                machines[name].wait_for(rig.DONE)
            if name != "quiet":
                mishaps.still_runs(machines[name])
    for name, (_, _, unwanted) in CONFIGS.items():
        assert unwanted is None or unwanted not in machines[name].console
    for name in ("no-cloud", "no-provision"):
        assert "connect with the claim" not in machines[name].console


def test_provisioned_board_without_provisioning(twin, serial, tmp_path):
    """What is switched off is the handshake, not the identity that the board has."""
    path = mishaps.flash(tmp_path / "flash.img", twin, serial)
    rig.boot_to_the_end(path)
    mishaps.edit(path, {paths.CONFIG: _switches(cloud=False)})
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
    assert "provision " not in machine.console


def _boot_ended_ms(machine):
    line = machine.wait_for("provisioning goes on in main.py")
    return int(line.split()[0])


def test_boot_returns_in_time(twin, serial, tmp_path):
    """boot.py's time is over in the middle of a handshake; main.py goes on with the same one."""
    extra = {
        **mishaps.patched("device/runtime/start.py", BOOT_LIMIT_MS=700),
        **mishaps.patched("device/port/board_linux.py", HANDSHAKE_MS=100),
        **mishaps.patched("device/port/mqtt.py"),  # with all its patience
    }
    with Relay("127.0.0.1", twin.port, latency_ms=300) as relay:
        path = mishaps.flash(tmp_path / "flash.img", twin, serial, port=relay.port, extra=extra)
        with mishaps.powered(path) as machine:
            assert _boot_ended_ms(machine) >= 600
            assert machine.console.count("connect with the claim") == 1
            machine.wait_for(rig.DONE)
        assert relay.connections == 2, "claim and trial: nothing was begun again"
    assert "Trying again" not in machine.console


def test_boot_begins_no_handshake_that_it_has_no_time_for(twin, serial, tmp_path):
    """A handshake blocks: one that may last longer than boot.py has left waits for main.py."""
    extra = mishaps.patched("device/port/board_linux.py", HANDSHAKE_MS=9000)
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=extra)
    with mishaps.powered(path) as machine:
        assert _boot_ended_ms(machine) < 7000
        machine.wait_for(rig.DONE)
    assert machine.console.index("goes on in main.py") < machine.console.index("subscribe to")


def test_black_hole_does_not_hold_boot(twin, serial, tmp_path):
    """The server takes the bytes and says nothing: boot.py is over long before that is noticed."""
    with Listener() as hole:
        extra = {
            **mishaps.patched("device/runtime/start.py", BOOT_LIMIT_MS=700),
            **mishaps.patched("device/port/mqtt.py"),  # with all its patience
        }
        path = mishaps.flash(tmp_path / "flash.img", twin, serial, port=hole.port, extra=extra)
        with mishaps.powered(path) as machine:
            assert _boot_ended_ms(machine) < 10000
            mishaps.still_runs(machine)
        assert "does not answer" not in machine.console


BROKEN_BOOT = mishaps.changed(
    "device/runtime/start.py", "    context.boot_ends_ms = BOOT_LIMIT_MS\n", "    raise KeyError('boot')\n"
)


def test_exceptions_at_the_top(twin, serial, tmp_path):
    """boot.py never keeps main.py from running; a main.py that cannot run starts the board again."""
    broken = mishaps.compiled("device/port/compose.py", "1 / 0\n")
    images = {
        "boot": mishaps.flash(tmp_path / "boot.img", twin, f"{serial}-boot", extra=BROKEN_BOOT),
        "both": mishaps.flash(tmp_path / "both.img", twin, f"{serial}-both", extra=broken),
    }
    with mishaps.crowd(images, traceback=True) as machines:
        for machine in machines.values():
            machine.wait_for("boot.py failed, main.py goes on:")
        machines["boot"].wait_for(rig.DONE)
        assert machines["both"].wait() == EXIT_RESET
