"""After provisioning: the loop outlives the connection, the services and boot.py."""

import contextlib
import json
import re

import pytest

from device.core import fields, paths, topics
from muster.boards import profile
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
AT_ONCE = {"retry_ms": 64}


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
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, intervals=AT_ONCE)
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        certificate_id = mishaps.identity(path)
        twin.registry.certificates.set_status(certificate_id, REVOKED)
        mishaps.complaint(machine, "mqtt", "the server closed the connection", "certificate was revoked")
        parts = ("mqtt", "closed", f"probably revoked, or its policy lacks iot:Connect on client/{serial}")
        mishaps.complaint(machine, *parts, "Trying again in")
        mishaps.complaint(machine, "heartbeat", "not connected", "failing: mqtt")
        twin.registry.certificates.set_status(certificate_id, ACTIVE)
        _reconnected(machine, 2)
        machine.wait_for(re.compile("s, connected, .*all services OK"), start=len(machine.lines))
    assert _boots(twin, serial) == 1


def _as_the_board(folder, path):
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
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, intervals=AT_ONCE, extra=STEADY)
    with mishaps.powered(path) as machine, contextlib.ExitStack() as stack:
        machine.wait_for(rig.DONE)
        certificate, key = _as_the_board(tmp_path, path)
        for times in range(1, 6):
            stack.enter_context(Raw(twin, certificate, key)).connect(serial)
            _reconnected(machine, times + 1)
        mishaps.complaint(machine, "closed the connection", f"connected as {serial}", "again in 2 s")
    assert _boots(twin, serial) == 1


ECHO = """
    topic = "%s"
    heard = lambda topic, payload: self.say("heard " + payload.decode())
    await state.session.subscribe(self.name, [topic], heard)
    while True:
        await state.session.publish(topic, b"itself")
        await state.ports.clock.sleep_ms(200)
"""


def test_twin_restarted(tmp_path, serial):
    """The board comes back by itself, and so do its subscriptions."""
    quick = {"authority_key": "ec", "claim_key": "ec", "key_pool": 0}
    topic = f"{topics.DEFAULT_PREFIX}/{serial}/echo"
    with running_twin(tmp_path / "twin", Settings(**quick)) as twin:
        path = mishaps.flash(
            tmp_path / "flash.img",
            twin,
            serial,
            intervals=AT_ONCE,
            services=["probe"],
            extra=mishaps.service("probe", ECHO % topic),
            provisioning={fields.KEYS: fields.KEYS_DEVICE},
        )
        port = twin.port
        machine = rig.board(path).start()
        try:
            machine.wait_for(rig.DONE)
            machine.wait_for("heard itself")
        except BaseException:
            machine.stop()
            raise
    try:
        mishaps.complaint(machine, "refused the connection")
        with running_twin(tmp_path / "twin", Settings(**quick, mqtt_port=port)) as twin:
            _reconnected(machine, 2)
            machine.wait_for("heard itself", start=len(machine.lines))
            assert _boots(twin, serial) == 0, "the boot status is of the boot, not of the connection"
    finally:
        machine.stop()


BAD_SERVICES = {
    "at-import": (
        mishaps.compiled("device/services/probe.py", "1 / 0\n"),
        "cannot be loaded",
        "ZeroDivision",
    ),
    "no-service": (mishaps.compiled("device/services/probe.py", "x = 1\n"), "cannot be loaded", "SERVICE"),
    "at-once": (mishaps.service("probe", "raise KeyError('x')"), "failed: KeyError", "Trying again in 2 s"),
    "later": (
        mishaps.service("probe", "await state.ports.clock.sleep_ms(50)\nraise OSError(5)"),
        "failed: OSError",
        "Trying again in 2 s",
    ),
    "no-memory": (mishaps.service("probe", "bytearray(1 << 30)"), "not enough memory", "switch services off"),
    "ends": (mishaps.service("probe", "self.say('was here')"), "was here", ""),
}


def test_bad_service_stops_nobody(twin, serial, tmp_path):
    images = {}
    for name, (files, _, _) in BAD_SERVICES.items():
        images[name] = mishaps.flash(
            tmp_path / f"{name}.img",
            twin,
            f"{serial}-{name}",
            intervals={"retry_ms": 700},
            services=["probe"],
            extra={**files, **STEADY},
        )
    with mishaps.crowd(images, traceback=True) as machines:
        for name, machine in machines.items():
            mishaps.complaint(machine, "probe", *BAD_SERVICES[name][1:])
            machine.wait_for(rig.DONE)
            mishaps.still_runs(machine)


def test_watchdog(twin, serial, tmp_path):
    """The loop feeds it, through a whole good run; a service that blocks the loop meets it."""
    facts = {"WATCHDOG_MS": 1500}
    blocks = mishaps.service("probe", "await state.ports.clock.sleep_ms(300)\ntime.sleep(30)")
    images = {
        "good": mishaps.flash(tmp_path / "good.img", twin, f"{serial}-good", facts=facts),
        "bad": mishaps.flash(
            tmp_path / "bad.img", twin, f"{serial}-bad", facts=facts, services=["probe"], extra=blocks
        ),
    }
    with mishaps.crowd(images) as machines:
        assert machines["bad"].wait() == EXIT_WATCHDOG
        machines["good"].wait_for(re.compile("heartbeat .* up [4-9] s, connected"))
        assert machines["good"].running


@pytest.mark.parametrize("content", [b"", b"once more", paths.ONCE])
def test_offline(twin, serial, tmp_path, content):
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra={paths.OFFLINE: content})
    before = rig.on_flash(path)
    with mishaps.powered(path) as machine:
        assert machine.wait() == EXIT_END
    assert f"boot       offline: {paths.OFFLINE} exists" in machine.console
    assert "main       offline" in machine.console
    assert "network" not in machine.console and "provision" not in machine.console
    if content == paths.ONCE:
        del before[paths.OFFLINE]  # the next start is as always
    assert rig.on_flash(path) == before


def _switches(**services):
    return json.dumps({fields.SERVICES: services}).encode()


CONFIGS = {
    "no-cloud": (
        _switches(cloud=False),
        re.compile(f"{paths.CONFIG}: not started: .*mqtt, provision, .*status.*the cloud is switched off"),
        "mqtt       ",
    ),
    "no-provision": (
        _switches(cloud={"provision": False}),
        re.compile("not started: .*mqtt .provision is off"),
        "mqtt      ",
    ),
    "no-mqtt": (
        _switches(mqtt=False),
        "not started: commands, renew, shadow, status, sync (mqtt is off)",
        "mqtt       connected",
    ),
    "named": (
        _switches(mqtt=True, cloud={"provision": False}),
        "provision is switched on, because mqtt needs it",
        "not started",
    ),
    "quiet": (_switches(heartbeat=False), rig.DONE, "heartbeat  "),
    "unknown": (_switches(teapot=False), f'{paths.CONFIG}: there is no service "teapot"', None),
    "misplaced": (_switches(provision=False), f'{paths.CONFIG}: "provision" belongs in "cloud"', None),
    "cut": (b'{"services": {"mq', f"{paths.CONFIG}: lacks the JSON object", None),
    "list": (b"[]", "correct the file; all services stay on", None),
    "number": (b'{"services": 5}', "correct the file; all services stay on", None),
    "not-utf-8": (b'{"services": "\xff"}', "correct the file; all services stay on", None),
}


def test_switches(twin, serial, tmp_path):
    images = {
        name: mishaps.flash(tmp_path / f"{name}.img", twin, f"{serial}-{name}", extra={paths.CONFIG: raw})
        for name, (raw, _, _) in CONFIGS.items()
    }
    with mishaps.crowd(images) as machines:
        for name, (_, wanted, _) in CONFIGS.items():
            machines[name].wait_for(wanted)
            if name in ("named", "unknown", "misplaced") or "all services stay on" in str(wanted):
                machines[name].wait_for(rig.DONE)
            if name != "quiet":
                mishaps.still_runs(machines[name])
    for name, (_, _, unwanted) in CONFIGS.items():
        assert unwanted is None or unwanted not in machines[name].console
    for name in ("no-cloud", "no-provision"):
        assert "connect with the claim" not in machines[name].console


def test_no_connection_without_mqtt(twin, serial, tmp_path):
    """With mqtt off, the connection that has proven the identity belongs to nobody: it is closed."""
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra={paths.CONFIG: _switches(mqtt=False)})
    with mishaps.powered(path) as machine:
        machine.wait_for(f"identity {serial}")
        beat = machine.wait_for("heartbeat")
        assert "not connected" in beat and beat.endswith("all services OK"), beat
        machine.wait_for("heartbeat", start=len(machine.lines))
        assert serial not in twin.client_ids


def test_provisioned_board_without_cloud(twin, serial, tmp_path):
    """A board that has its identity stays off the cloud as well; the rest of it runs."""
    path = mishaps.flash(tmp_path / "flash.img", twin, serial)
    rig.boot_to_the_end(path)
    mishaps.edit(path, {paths.CONFIG: _switches(cloud=False)})
    with mishaps.powered(path) as machine:
        beat = machine.wait_for("heartbeat")
        assert "not connected" in beat and beat.endswith("all services OK"), beat
        assert serial not in twin.client_ids
    assert "provision  " not in machine.console and "mqtt       " not in machine.console


def test_provisioning_left_out_of_the_build(twin, serial, tmp_path):
    """boot.py asks for no service that is not built in, although the claim credentials are there."""
    built = tuple(tuple(service) for service in profile(rig.BOARD).services if service.name != "provision")
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, facts={"SERVICES": built})
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "mqtt", "the board has no identity")
        mishaps.still_runs(machine)
    assert "boot.py failed" not in machine.console


def _boot_ended_ms(machine):
    line = machine.wait_for("provisioning continues in main.py")
    return int(line.split()[0])


SLOW = {"boot_ms": 700, "handshake_ms": 700, **mishaps.PATIENT}


def test_boot_returns_in_time(twin, serial, tmp_path):
    """boot.py's time is over in the middle of a handshake; main.py begins it anew, from the journal."""
    with Relay("127.0.0.1", twin.port, latency_ms=300) as relay:
        path = mishaps.flash(tmp_path / "flash.img", twin, serial, port=relay.port, intervals=SLOW)
        before = rig.certificate_ids(twin)
        with mishaps.powered(path) as machine:
            assert 600 <= _boot_ended_ms(machine) < 5000
            machine.wait_for(rig.DONE)
    assert "Trying again" not in machine.console
    rig.check_provisioned(path, twin, serial, before)


def test_boot_waits_for_a_handshake_that_makes_progress(twin, serial, tmp_path):
    """Longer than it would without a network, because a Pico W has no console before boot.py has ended."""
    patient = {**SLOW, "handshake_ms": None}
    with Relay("127.0.0.1", twin.port, latency_ms=300) as relay:
        path = mishaps.flash(tmp_path / "flash.img", twin, serial, port=relay.port, intervals=patient)
        with mishaps.powered(path) as machine:
            line = machine.wait_for(f"identity {serial}")
            assert int(line.split()[0]) > 700, "no slow handshake, then"
            machine.wait_for(rig.DONE)
    assert "continues in main.py" not in machine.console


def test_boot_returns_at_once_without_a_network(twin, serial, tmp_path):
    """Nobody answers: the time for a handshake is not waited for."""
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, intervals={**SLOW, "handshake_ms": None})
    with mishaps.powered(path, environment={"JOIN_MS": "60000"}) as machine:
        assert 600 <= _boot_ended_ms(machine) < 5000


def test_black_hole_does_not_hold_boot(twin, serial, tmp_path):
    """The server takes the bytes and says nothing: boot.py is over long before that is noticed."""
    with Listener() as hole:
        path = mishaps.flash(tmp_path / "flash.img", twin, serial, port=hole.port, intervals=SLOW)
        with mishaps.powered(path) as machine:
            assert _boot_ended_ms(machine) < 10000
            mishaps.still_runs(machine)
        assert "does not answer" not in machine.console


BROKEN_BOOT = mishaps.changed(
    "device/runtime/boot.py", "    _count_start(state)\n", "    raise KeyError('boot')\n"
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
            machine.wait_for("boot.py failed; main.py continues:")
        machines["boot"].wait_for(rig.DONE)
        assert machines["both"].wait() == EXIT_RESET
