"""A board, its twin, and what must be true of both afterwards."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from device.core import fields, paths, settings, slots
from muster import image
from muster.registry.certificates import ACTIVE
from muster.twin.server import RunningTwin
from muster.virtual import VirtualBoard
from tests.system.records import RecordRelay

BOARD = "virtual"
DONE = fields.PROVISION_STATUS + " is " + fields.TRUE  # the last line of a boot that went well
ACCESS_POINT = re.compile(r"network +access point (\S+) is open, (with\w*) .* its address is ([0-9.]+)")
NO_CLOUD = {fields.SERVICES: {fields.CLOUD: False}}  # config.json of a board that does without
WITHOUT_CLOUD = {paths.CONFIG: json.dumps(NO_CLOUD).encode()}  # {path on flash: that}
_TIME_SERVERS = ("pool.ntp.org", "time.google.com")  # the board's own choice; nobody on the internet is asked
QUICK = {"JOIN_MS": "0", "HOSTS": ",".join(f"{name}=127.0.0.1" for name in _TIME_SERVERS)}
WIFI_PASSWORD = "marker-wifi-password-7Q"
printed: list[str] = []  # by all boards of a test; conftest.py compares them with the table of messages


def documents(port: int, serial: str, **changes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """ento.conf and wifi.json of a board; `changes` are merged into the sections of ento.conf."""
    conf: dict[str, Any] = {
        fields.DEVICE: {
            fields.SERIAL_ID: serial,
            fields.ENDPOINT_URL: "localhost",
            fields.PROVISION_STATUS: fields.FALSE,
        },
        fields.MQTT: {fields.PORT: port},
        "application": {"kept": ["as", "it", "was"]},
    }
    for section, values in changes.items():
        conf.setdefault(section, {}).update(values)
    networks = [{fields.SSID: "workshop", fields.PASSWORD: WIFI_PASSWORD}]
    return {paths.CONF: conf, paths.WIFI: {fields.NETWORKS: networks}}


def build(
    configuration: Mapping[str, Mapping[str, Any]],
    claim: Mapping[str, bytes] | None = None,
    extra: Mapping[str, bytes] | None = None,
) -> bytes:
    """The image of a virtual board."""
    return image.build_image(
        image.board_files(BOARD, documents=configuration, claim=claim, extra=extra), BOARD
    )


def flash(
    path: Path,
    twin: RunningTwin,
    serial: str,
    *,
    port: int | None = None,
    extra: Mapping[str, bytes] | None = None,
    **changes: Mapping[str, Any],
) -> Path:
    """Write the image of a board that may claim from `twin` (through `port`, when a relay stands between)."""
    claim = image.read_claim(twin.claim_dir, twin.ca_pem_path)
    path.write_bytes(build(documents(port or twin.port, serial, **changes), claim, extra))
    return path


def on_flash(path: Path) -> dict[str, bytes]:
    """The files in an image."""
    return image.read_image(path.read_bytes(), BOARD)


def board(path: Path, **options: Any) -> VirtualBoard:
    """A virtual board that joins its network at once; its lines are kept in `printed`."""
    options["environment"] = {**QUICK, **options.get("environment", {})}
    watch = options.pop("on_line", None)

    def keep(line: str) -> None:
        printed.append(line)
        if watch:
            watch(line)

    return VirtualBoard(path, on_line=keep, **options)


def boot_to_the_end(path: Path, timeout_s: float = 180, **options: Any) -> VirtualBoard:
    """Boot, wait until the boot status is published and remembered, switch off."""
    machine = board(path, **options).start()
    try:
        machine.wait_for(DONE, timeout_s)
    finally:
        machine.stop()
    return machine


def boot_cut_at(path: Path, relay: RecordRelay, number: int) -> None:
    """Boot a board that loses its power before TLS record `number` of its connections is delivered."""
    machine = board(path)
    relay.records, relay.cut_at, relay.cut = 0, number, machine.stop
    machine.start()
    machine.wait(60)
    relay.cut_at = None


def _public(key: Any) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _slot(files: Mapping[str, bytes], path: str) -> dict[str, bytes]:
    return {
        name: files[f"{path}/{name}"] for name in (*slots.FILES, paths.IDENTITY) if f"{path}/{name}" in files
    }


def check_provisioned(path: Path, twin: RunningTwin, serial: str, before: set[str]) -> None:
    """Assert that the board ended well: whole identity, status, at most two certificates, no lost key.

    `before` are the ids of the certificates that the twin knew before this board was switched on.
    """
    files = on_flash(path)
    slot = _slot(files, paths.CERT)
    value = slots.document(slot)
    assert value is not None, "no whole identity"
    identity = slots.opened(value)
    certificate = x509.load_pem_x509_certificate(slot[paths.CERTIFICATE])
    key = load_pem_private_key(slot[paths.PRIVATE_KEY], None)
    assert _public(certificate.public_key()) == _public(key.public_key()), "torn identity"
    assert identity.thing_name == serial

    conf = json.loads(files[paths.CONF])
    assert settings.settings(conf).provisioned
    assert conf["application"] == {"kept": ["as", "it", "was"]}
    left = [name for name in files if name.endswith(paths.NEW) or name.startswith(paths.TRIAL)]
    assert not left, f"left behind: {left}"

    made = [row for row in twin.registry.certificates.all() if row.certificate_id not in before]
    assert len(made) <= 2, f"{len(made)} certificates were made"
    kept = {
        _public(load_pem_private_key(data, None).public_key())
        for name, data in files.items()
        if name.endswith("/" + paths.PRIVATE_KEY) and not name.startswith(paths.BOOTSTRAP)
    }
    active = [row for row in made if row.status == ACTIVE]
    assert [row.certificate_id for row in active] == [identity.certificate_id], "an orphan is active"
    for row in active:
        public = _public(x509.load_pem_x509_certificate(row.pem.encode()).public_key())
        assert public in kept, "the key of an active certificate is lost"


def certificate_ids(twin: RunningTwin) -> set[str]:
    """The ids of all certificates that the twin knows."""
    return {row.certificate_id for row in twin.registry.certificates.all()}
