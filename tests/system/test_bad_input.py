"""What people get wrong on a board's flash: one line says it, main.py runs, nothing is lost."""

import json
import os
import re

import pytest

from device.core import fields, paths
from muster.image.filesystem import mount
from muster.registry.certificates import ACTIVE, REVOKED
from muster.virtual import EXIT_RESET
from tests.system import mishaps, rig

FIRST_WAIT = "Trying again in"


def _conf(twin, **device):
    """ento.conf with these changes of its section "device"."""
    return rig.documents(twin.port, "cam", device=device)[paths.CONF]


def _with(twin, **sections):
    return json.dumps({**_conf(twin), **sections}).encode()


def _files(twin):
    whole = json.dumps(_conf(twin)).encode()
    return {
        "missing": (None, "is missing", "create it with SERIAL_ID and ENDPOINT_URL"),
        "empty": (b"", "is empty", "create it with"),
        "blank": (b" \n", "is empty", "create it with"),
        "half-written": (whole[:60], "is not valid JSON (60 bytes)", "correct the file"),
        "one-byte-short": (whole[:-1], "is not valid JSON", "correct the file"),
        "followed": (whole + b"}", "is not valid JSON", "correct the file"),
        "zeros": (b"\0" * 100, "is not valid JSON", "correct the file"),
        "not-utf-8": (whole.replace(b"cam", b"\xff\xfe\xff"), "is not valid JSON", "correct the file"),
        "deep": (b'{"device":' * 1500 + b"1" + b"}" * 1500, "has 16501 bytes", "make it smaller"),
        "deep-list": (b"[" * 8000, "is not valid JSON", "correct the file"),
        "long": (b'{"device": {}, "a": "%s"}' % (b"x" * 9000), "the limit is 8192", "correct the file"),
        "a-list": (b"[]", 'has no object "device"', "correct the file"),
        "null": (b"null", 'has no object "device"', "correct the file"),
        "device-a-text": (b'{"device": "cam"}', 'has no object "device"', "correct the file"),
    }


def _sections(twin):
    mode = {"provisioning": {fields.KEYS: "both"}}
    return {
        "mqtt-a-text": (_with(twin, mqtt="x"), '"mqtt" must be an object', "correct the file"),
        "port-a-text": (_with(twin, mqtt={fields.PORT: "8883"}), "port must be a whole number", "correct"),
        "port-zero": (_with(twin, mqtt={fields.PORT: 0}), "from 1 to 65535", "correct the file"),
        "ntp-a-text": (_with(twin, clock={fields.NTP: "pool"}), '"ntp" must be a list', "correct the file"),
        "key-mode": (_with(twin, **mode), '"keys" must be "cloud" or "device"', "correct the file"),
        "template": (
            _with(twin, provisioning={fields.TEMPLATE: "a/b"}),
            "template contains",
            "allowed",
        ),
        "parameter": (
            _with(twin, provisioning={fields.PARAMETERS: {"a": 1}}),
            "parameter a must be",
            "correct",
        ),
    }


def _values(twin):
    bad = {"spaces": "a b", "hash": "a#b", "slash": "a/b", "umlaut": "ä", "line": "a\nb"}
    cases = {
        f"serial-{name}": (fields.SERIAL_ID, value, "SERIAL_ID contains", "are allowed")
        for name, value in bad.items()
    }
    cases["serial-129"] = (
        fields.SERIAL_ID,
        "x" * 129,
        "SERIAL_ID has 129 characters",
        "1 to 128 are allowed",
    )
    cases["serial-empty"] = (fields.SERIAL_ID, "", "SERIAL_ID has 0 characters", "1 to 128 are allowed")
    cases["serial-number"] = (fields.SERIAL_ID, 7, "SERIAL_ID must be a string", "correct the file")
    arn = "arn:aws:iot:eu-west-1:123456789012:thing/x"
    cases["endpoint-arn"] = (
        fields.ENDPOINT_URL,
        arn,
        "ENDPOINT_URL is an ARN",
        "use the host name",
    )
    cases["endpoint-path"] = (fields.ENDPOINT_URL, "a/b", "ENDPOINT_URL contains", "only the host name")
    cases["endpoint-port"] = (
        fields.ENDPOINT_URL,
        "a:8883",
        "ENDPOINT_URL contains ':'",
        "the host name",
    )
    cases["endpoint-empty"] = (
        fields.ENDPOINT_URL,
        "",
        "ENDPOINT_URL must be the host name",
        "correct the file",
    )
    return {
        name: (json.dumps(_conf(twin, **{key: value})).encode(), cause, advice)
        for name, (key, value, cause, advice) in cases.items()
    }


# The 32-bit interpreter is the oldest MicroPython here: it takes half a document for a whole one.
@pytest.mark.parametrize(("cases", "bits"), [(_files, 64), (_files, 32), (_sections, 64), (_values, 64)])
def test_configuration(twin, tmp_path, cases, bits):
    mishaps.need_interpreter(bits)
    table = cases(twin)
    images = {}
    for name, (raw, _, _) in table.items():
        images[name] = mishaps.flash(tmp_path / f"{name}.img", twin, "cam")
        mishaps.edit(images[name], {paths.CONF: raw})
    before = {name: rig.on_flash(path) for name, path in images.items()}
    with mishaps.crowd(images, bits=bits) as machines:
        for name, (_, cause, advice) in table.items():
            line = mishaps.complaint(machines[name], paths.CONF, cause, advice)
            assert "boot " in line, "boot.py says it first"
            mishaps.complaint(machines[name], "provision", cause, FIRST_WAIT)
            mishaps.still_runs(machines[name])
    after = {name: rig.on_flash(path) for name, path in images.items()}
    for files in after.values():
        files.pop(paths.DEVICE)  # the claim ID, which the board makes whatever ento.conf says
    assert after == before


def test_corrected_configuration(twin, serial, tmp_path):
    path = mishaps.flash(tmp_path / "flash.img", twin, serial)
    good = rig.on_flash(path)[paths.CONF]
    mishaps.edit(path, {paths.CONF: good[:50]})
    with mishaps.powered(path) as machine:
        mishaps.still_runs(machine)
    mishaps.edit(path, {paths.CONF: good})
    before = rig.certificate_ids(twin)
    rig.boot_to_the_end(path)
    rig.check_provisioned(path, twin, serial, before)


def test_endpoint_with_a_scheme_is_understood(twin, serial, tmp_path):
    path = mishaps.flash(
        tmp_path / "flash.img", twin, serial, device={fields.ENDPOINT_URL: "mqtts://localhost/"}
    )
    rig.boot_to_the_end(path)


def _claim_files(twin):
    """{name: (changed claim files, cause, advice)}; the certificates are good except for one thing."""
    claims = mishaps.Claims(twin)
    good, other = claims.make(), claims.make()
    at = mishaps.claim_path
    certificate, key, ca = at(paths.CERTIFICATE), at(paths.PRIVATE_KEY), at(paths.ROOT_CA)
    cases = {
        "revoked": (claims.make(status=REVOKED), "closed the connection", "probably revoked or unknown"),
        "expired": (claims.make(-7200, -3600), "certificate expired on", "replace the claim credentials"),
        "too-early": (claims.make(7200, 9000), "certificate is not valid before", "allow NTP"),
        "mismatched": (
            {**good, key: other[key]},
            "does not match the private key",
            "replace the claim credentials",
        ),
        "swapped": ({**good, certificate: good[key], key: good[certificate]}, "damaged", "replace the claim"),
    }
    for path, cause, advice in (
        (certificate, "certificate or its key is damaged", "replace the claim credentials"),
        (key, "certificate or its key is damaged", "replace the claim credentials"),
        (ca, "the root CA cannot be used", "replace the root CA file"),
    ):
        name, data = path.rsplit("/", 1)[1], good[path]
        missing, empty = f"{path} is missing", f"{path} is missing or empty"
        cases[f"missing-{name}"] = ({**good, path: None}, missing, "copy the claim credentials there")
        cases[f"empty-{name}"] = ({**good, path: b""}, empty, "copy the claim credentials there")
        cases[f"cut-{name}"] = ({**good, path: data[: len(data) // 2]}, cause, advice)
        cases[f"spoilt-{name}"] = ({**good, path: data[:60] + b"\0!?" + data[63:]}, cause, advice)
        cases[f"text-{name}"] = ({**good, path: b"secret"}, cause, advice)
    return cases


def test_claim_credentials(twin, tmp_path):
    table = _claim_files(twin)
    images = {}
    for name, (files, _, _) in table.items():
        images[name] = mishaps.flash(tmp_path / f"{name}.img", twin, f"claim-{name.replace('.', '_')}")
        mishaps.edit(images[name], files)
    before = rig.certificate_ids(twin)
    conf = {name: rig.on_flash(path)[paths.CONF] for name, path in images.items()}
    with mishaps.crowd(images) as machines:
        for name, (_, cause, advice) in table.items():
            mishaps.complaint(machines[name], "provision", cause, advice, FIRST_WAIT)
            mishaps.still_runs(machines[name])
    assert rig.certificate_ids(twin) == before
    for name, path in images.items():
        kept = {place: data for place, data in table[name][0].items() if data is not None}
        files = rig.on_flash(path)
        assert {place: files[place] for place in kept} == kept
        assert files[paths.CONF] == conf[name]


def test_claim_certificate_that_becomes_good(twin, serial, tmp_path):
    """What the cloud can mend is tried again by itself, in the same run."""
    claims = mishaps.Claims(twin)
    claim = claims.make(status=REVOKED)
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=claim)
    before = rig.certificate_ids(twin)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "probably revoked", FIRST_WAIT)
        claims.activate(claim)
        machine.wait_for(rig.DONE)
    rig.check_provisioned(path, twin, serial, before)


def _fill(path, free_blocks):
    """Put a file into the image that leaves so many blocks."""
    file_system = mount(path.read_bytes(), rig.BOARD)
    with file_system.open("/filler", "wb") as file:
        while file_system.block_count - file_system.used_block_count > free_blocks:
            file.write(os.urandom(file_system.cfg.block_size))
            file.flush()
    file_system.unmount()
    path.write_bytes(bytes(file_system.context.buffer))


@pytest.mark.parametrize("key_mode", [fields.KEYS_CLOUD, fields.KEYS_DEVICE])
def test_flash_full(twin, serial, tmp_path, key_mode):
    """With room for 0 to 4 more blocks something does not fit; the first two boards look before they ask."""
    provisioning = {fields.KEYS: key_mode}
    careless = mishaps.changed("device/claim/provision.py", "ROOM_BYTES = 32768", "ROOM_BYTES = 0")
    images = {}
    for free in ("0-careful", "5-careful", "0", "1", "2", "3", "4"):
        path = tmp_path / f"{free}.img"
        extra = {} if free.endswith("careful") else careless
        images[free] = mishaps.flash(path, twin, f"{serial}-{free}", extra=extra, provisioning=provisioning)
        _fill(path, int(free[0]))
    before = rig.certificate_ids(twin)
    conf = {free: rig.on_flash(path)[paths.CONF] for free, path in images.items()}
    with mishaps.crowd(images) as machines:
        for machine in machines.values():
            mishaps.complaint(machine, "provision", "flash is full", "delete files", FIRST_WAIT)
            mishaps.still_runs(machine)
    for free, path in images.items():
        assert rig.on_flash(path)[paths.CONF] == conf[free]
        mishaps.edit(path, {"/filler": None})
    with mishaps.crowd(images) as machines:
        for machine in machines.values():
            machine.wait_for(rig.DONE)
    mine = {free: mishaps.identity(path) for free, path in images.items()}
    for free, path in images.items():
        rig.check_provisioned(path, twin, f"{serial}-{free}", rig.certificate_ids(twin) - {mine[free]})
    made = [row for row in twin.registry.certificates.all() if row.certificate_id not in before]
    assert {row.certificate_id for row in made if row.status == ACTIVE} == set(mine.values()), "a key is lost"
    # The others asked in boot.py, in main.py, and when there was room.
    assert len(made) <= 3 * len(images) - 4, "those who looked before they asked made one certificate each"


def test_full_flash_keeps_no_board_off_line(twin, serial, tmp_path):
    """A provisioned board on a full flash connects, whatever it would have liked to write."""
    path = mishaps.flash(tmp_path / "flash.img", twin, serial)
    rig.boot_to_the_end(path)
    sealed = json.loads(rig.on_flash(path)[f"{paths.CERT}/{paths.IDENTITY}"])
    sealed[fields.DEVICE_CONFIGURATION] = {"long": "x" * 2000}  # more than fits into a directory entry
    mishaps.edit(path, {f"{paths.CERT}/{paths.IDENTITY}": json.dumps(sealed).encode(), paths.PROVISION: None})
    _fill(path, 0)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "flash is full at", "delete files")
        machine.wait_for(rig.DONE)


def test_heap_too_small(twin, serial, tmp_path):
    """Below what the job needs there is a message, never a hang; the board runs on, or starts again."""
    mishaps.need_interpreter(32)
    sizes = {f"{serial}-{kb}": kb for kb in range(64, 129, 16)}
    images = {name: mishaps.flash(tmp_path / f"{name}.img", twin, name) for name in sizes}
    each = {name: {"heap_kb": kb} for name, kb in sizes.items()}
    with mishaps.crowd(images, each, bits=32, traceback=True) as machines:
        for machine in machines.values():
            machine.wait_for(re.compile(f"{rig.DONE}|not enough memory|MemoryError"))
            if not machine.running and "boot.py failed" not in machine.console:  # then the watchdog bites
                assert machine.wait() == EXIT_RESET, machine.console


def test_wifi(twin, serial, tmp_path):
    table = {
        "missing": (None, "no Wi-Fi network is configured", "create wifi.json"),
        "cut": (b'{"networks": [{"ss', "is not valid JSON", "correct the file"),
        "list": (b"[]", 'has no list "networks"', "correct the file"),
        "no-name": (
            b'{"networks": [{"password": "%s"}]}' % rig.WIFI_PASSWORD.encode(),
            'no "ssid"',
            "correct",
        ),
        "number": (
            b'{"networks": [{"ssid": "a", "password": 5}]}',
            '"password" must be a string',
            "correct",
        ),
    }
    images = {}
    for name, (raw, _, _) in table.items():
        images[name] = mishaps.flash(tmp_path / f"{name}.img", twin, serial)
        mishaps.edit(images[name], {paths.WIFI: raw})
    with mishaps.crowd(images) as machines:
        for name, (_, cause, advice) in table.items():
            mishaps.complaint(machines[name], "provision", cause, advice, FIRST_WAIT)
            mishaps.still_runs(machines[name])


def test_the_quick_program_provisions(twin, serial, tmp_path):
    """No board above ails because of its short patience."""
    path = mishaps.flash(tmp_path / "flash.img", twin, serial)
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        mishaps.still_runs(machine)
