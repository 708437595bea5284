"""A broker that we did not write, over mutual TLS: Mosquitto gets the boot status, and sends to wildcards."""

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from device.core import fields, paths, topics
from muster.twin import pki
from muster.twin.settings import Home
from tests.free_port import free_port
from tests.system import applications, mishaps, rig

_PATH = os.environ.get("PATH", "") + ":/usr/sbin"
_BROKER = shutil.which("mosquitto", path=_PATH)
_PUBLISHER = shutil.which("mosquitto_pub", path=_PATH)
_SUBSCRIBER = shutil.which("mosquitto_sub", path=_PATH)
pytestmark = pytest.mark.skipif(
    not (_BROKER and _SUBSCRIBER), reason="Mosquitto is not installed (packages mosquitto, mosquitto-clients)"
)


def _credentials(authority: pki.Authority, folder: Path, name: str) -> tuple[Path, Path]:
    """(certificate, key) files of a client that this authority knows."""
    key = pki.new_key("rsa")
    _, certificate = authority.issue(key.public_key(), 1.7e9, 2.4e9)
    files = folder / f"{name}.pem", folder / f"{name}.key"
    pki.write_new(files[0], certificate)
    pki.write_new(files[1], pki.key_pem(key), 0o600)
    return files


def _wait_for(broker, text):
    """Read the broker's log until a line holds `text`."""
    assert any(text in line for line in broker.stderr), f"Mosquitto never said {text!r}"


@contextlib.contextmanager
def _mosquitto(folder: Path, home: Home):
    """A Mosquitto that wants a client certificate; its port and process."""
    port = free_port()
    configuration = folder / "mosquitto.conf"
    configuration.write_text(
        f"listener {port} 127.0.0.1\ncafile {home.ca_pem}\ncertfile {home.server_pem}\n"
        f"keyfile {home.server_key}\nrequire_certificate true\nallow_anonymous true\nlog_dest stderr\n"
        f"log_type all\nuser {os.environ.get('USER', 'root')}\n"
    )
    with subprocess.Popen([_BROKER, "-c", configuration], stderr=subprocess.PIPE, text=True) as broker:
        try:
            _wait_for(broker, "running")
            yield port, broker
        finally:
            broker.kill()


def _identity_files(home: Home, certificate: Path, key: Path) -> dict[str, bytes]:
    """An identity as another tool leaves it: the seed's three files, and the status "True"."""
    return {
        f"{paths.CERT}/{paths.ROOT_CA}": home.ca_pem.read_bytes(),
        f"{paths.CERT}/{paths.CERTIFICATE}": certificate.read_bytes(),
        f"{paths.CERT}/{paths.PRIVATE_KEY}": key.read_bytes(),
    }


def test_boot_status_over_mutual_tls(tmp_path):
    home = Home(tmp_path)
    authority = pki.Authority(home, "rsa")
    authority.ensure_server("localhost")
    serial = "mosquitto-board"
    topic = topics.booted(topics.DEFAULT_PREFIX, serial)
    slot = _identity_files(home, *_credentials(authority, tmp_path, "board"))
    judge = _credentials(authority, tmp_path, "judge")
    with _mosquitto(tmp_path, home) as (port, broker):
        listen = [_SUBSCRIBER, "-h", "localhost", "-p", str(port), "-V", "311", "-q", "1", "-C", "1"]
        listen += [
            "--cafile",
            home.ca_pem,
            "--cert",
            judge[0],
            "--key",
            judge[1],
            "-t",
            topic,
            "-d",
            "-W",
            "30",
        ]
        with subprocess.Popen(listen, stdout=subprocess.PIPE, text=True) as subscriber:
            _wait_for(broker, "Sending SUBACK")
            documents = rig.documents(port, serial, **{fields.DEVICE: {fields.PROVISION_STATUS: fields.TRUE}})
            path = tmp_path / "flash.img"
            path.write_bytes(rig.build(documents, extra=slot))
            rig.boot_to_the_end(path)
            received = subscriber.communicate(timeout=30)[0]
    assert f"(d0, q1, r0, m1, '{topic}'" in received, "not published with QoS 1"
    payload = next(line for line in received.splitlines() if line.startswith("{"))
    assert json.loads(payload) == {fields.BOOTED_SERIAL: serial, fields.BOOT_STATUS: True}


HEARS = """
    def on(name):
        return lambda topic, payload: muster.log("%s hears %s" % (name, topic.split("/", 2)[2]))

    for name in ("room/+/set", "room/#"):
        await muster.subscribe(muster.topic(name), on(name))
    muster.log("subscribed")
    await asyncio.sleep(3600)
"""


def test_wildcards_and_a_retained_command(tmp_path):
    home = Home(tmp_path)
    authority = pki.Authority(home, "rsa")
    authority.ensure_server("localhost")
    serial = "mosquitto-wild"
    slot = _identity_files(home, *_credentials(authority, tmp_path, "board"))
    judge = _credentials(authority, tmp_path, "judge")

    def send(port, name, *words):
        files = ["--cafile", home.ca_pem, "--cert", judge[0], "--key", judge[1]]
        topic = topics.own(topics.DEFAULT_PREFIX, serial, name)
        where = ["-h", "localhost", "-p", str(port), "-V", "311", "-q", "1", "-t", topic]
        subprocess.run([_PUBLISHER, *where, *files, *words], check=True, timeout=30)

    with _mosquitto(tmp_path, home) as (port, _):
        send(port, "command/reboot", "-r", "-m", "{}")
        documents = rig.documents(port, serial, **{fields.DEVICE: {fields.PROVISION_STATUS: fields.TRUE}})
        path = tmp_path / "flash.img"
        app = applications.compiled(tmp_path / "app", applications.body(HEARS))
        path.write_bytes(rig.build(documents, extra={**slot, **app}))
        with mishaps.powered(path) as machine:
            mishaps.complaint(machine, "commands", "reboot was ignored: it is retained")
            machine.wait_for("app        subscribed")
            for name in ("elsewhere", "room", "room/hall/set"):
                send(port, name, "-m", "x")
            machine.wait_for("room/# hears room/hall/set")
    heard = {line.split("app        ")[1] for line in machine.lines if " hears " in line}
    assert heard == {"room/# hears room", "room/+/set hears room/hall/set", "room/# hears room/hall/set"}
