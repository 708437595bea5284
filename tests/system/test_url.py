"""HTTPS beside MQTT: with memory for one TLS connection, with more, and without any cloud."""

import re
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from device.core import paths, topics
from tests.port.tls_peer import Authority
from tests.system import mishaps, rig

# An application: asks once, says what came, and publishes all the while.
ASK = """
    address = "%s"
    async def publish():
        number = 0
        while True:
            number += 1
            await state.session.publish("%s", str(number).encode())
            await state.ports.clock.sleep_ms(50)
    import asyncio
    if %d:
        asyncio.create_task(publish())
        await state.services["status"].ready.wait()
    while not state.ports.network.connected():
        await state.ports.clock.sleep_ms(20)
    answer = await state.services["url"].get(address + "/hello")
    self.say("%%d %%s" %% (answer.status, answer.body.decode()))
    answer = await state.services["url"].download(address + "/file", "/data/file.bin")
    self.say("downloaded %%d" %% answer.body)
    import sys
    self.say("left: %%s" %% [name for name in sys.modules if "http" in name or "fetching" in name])
    await state.ports.clock.sleep_ms(1000000)
"""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"x" * 20000 if self.path == "/file" else b"hello"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path) -> Iterator[tuple[str, bytes]]:
    """The address of an HTTPS server, and its root CA."""
    authority = Authority(tmp_path, "web")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("localhost"))
    running = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    running.socket = context.wrap_socket(running.socket, server_side=True)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{running.server_address[1]}", authority.path.read_bytes()
    running.shutdown()
    running.server_close()
    thread.join(20)


def _image(path, twin, serial, server, sessions):
    address, root = server
    topic = f"{topics.DEFAULT_PREFIX}/{serial}/number"
    return mishaps.flash(
        path,
        twin,
        serial,
        services=["probe"],
        facts={"TLS_SESSIONS": sessions},
        intervals=mishaps.PATIENT,
        extra={f"{paths.ROOTS}/web.pem": root, **mishaps.service("probe", ASK % (address, topic, True))},
    )


def _numbers(twin, serial):
    topic = f"{topics.DEFAULT_PREFIX}/{serial}/number"
    return [int(message.payload) for message in twin.messages if message.topic == topic]


def test_mqtt_lends_its_connection(twin, serial, tmp_path, server):
    path = _image(tmp_path / "flash.img", twin, serial, server, 1)
    with mishaps.powered(path) as machine:
        machine.wait_for("probe      200 hello")
        lent = machine.lines.index(machine.wait_for("mqtt       lends its TLS connection"))
        machine.wait_for("mqtt       connected to", start=lent)
        seen = len(_numbers(twin, serial))
        twin.wait_for_publish(f"{topics.DEFAULT_PREFIX}/{serial}/number", count=seen + 5)
        assert "Trying again" not in machine.console, "lending is no failure"
    numbers = _numbers(twin, serial)
    assert sorted(set(numbers)) == list(range(1, max(numbers) + 1)), "nothing that was published is lost"


def test_a_board_with_memory_for_two_keeps_its_connection(twin, serial, tmp_path, server):
    path = _image(tmp_path / "flash.img", twin, serial, server, 2)
    with mishaps.powered(path) as machine:
        machine.wait_for("probe      200 hello")
        machine.wait_for("probe      downloaded 20000")
        machine.wait_for("probe      left: []")
        assert "lends" not in machine.console
    assert rig.on_flash(path)["/data/file.bin"] == b"x" * 20000


def test_without_a_cloud(tmp_path, server):
    address, root = server
    path = tmp_path / "flash.img"
    documents = {paths.WIFI: rig.documents(1, "x")[paths.WIFI]}
    extra = {f"{paths.ROOTS}/web.pem": root, **mishaps.service("probe", ASK % (address, "", False))}
    told = mishaps.told(services=["probe"], intervals=mishaps.PATIENT, facts={"TLS_SESSIONS": 1})
    path.write_bytes(rig.build(documents, extra={**extra, **told}))
    with mishaps.powered(path) as machine:
        machine.wait_for("probe      200 hello")
        machine.wait_for("probe      downloaded 20000")


def test_a_root_that_is_missing_is_said(twin, serial, tmp_path, server):
    path = _image(tmp_path / "flash.img", twin, serial, (server[0], b""), 4)
    mishaps.edit(path, {f"{paths.ROOTS}/web.pem": None})
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "probe", "not signed by a root CA of this board", paths.ROOTS)
        machine.wait_for(re.compile("heartbeat .*connected, .*failing: probe"))
