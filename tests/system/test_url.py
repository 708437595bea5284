"""HTTPS beside MQTT: with memory for one TLS connection, with more, and without any cloud."""

import re
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from device.core import paths, topics
from tests.port.tls_peer import Authority
from tests.system import applications, mishaps, rig

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
    heard: ClassVar[list[tuple[str, str | None]]] = []  # paths with the Authorization that came along

    def do_GET(self) -> None:
        self.heard.append((self.path, self.headers["Authorization"]))
        where = f"localhost:{self.server.server_address[1]}"  # type: ignore[attr-defined]
        leads_to = {
            "/loop": "/loop",
            "/plain": f"http://{where}/hello",
            "/hop": "hello",
            "/away": f"https://{where.replace('localhost', '127.0.0.1')}/hello",
        }.get(self.path)
        if leads_to:
            self.send_response(302)
            self.send_header("Location", leads_to)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
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
    context.load_cert_chain(*authority.issue("localhost", address="127.0.0.1"))
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


def _lonely(tmp_path, server, body, **facts):
    """A board without a cloud whose application does this."""
    path = tmp_path / "flash.img"
    documents = {paths.WIFI: rig.documents(1, "x")[paths.WIFI]}
    extra = {f"{paths.ROOTS}/web.pem": server[1], **mishaps.service("probe", body)}
    told = mishaps.told(services=["probe"], intervals=mishaps.PATIENT, facts={"TLS_SESSIONS": 1, **facts})
    path.write_bytes(rig.build(documents, extra={**extra, **told}))
    return path


def test_without_a_cloud(tmp_path, server):
    path = _lonely(tmp_path, server, ASK % (server[0], "", False))
    with mishaps.powered(path) as machine:
        machine.wait_for("probe      200 hello")
        machine.wait_for("probe      downloaded 20000")


TOGETHER = """
    import asyncio
    while not state.ports.network.connected():
        await state.ports.clock.sleep_ms(20)
    async def get(number):
        answer = await state.services["url"].get("%s/hello")
        self.say("number %%d: %%s" %% (number, answer.body.decode()))
    await asyncio.gather(*[get(number) for number in range(6)])
    self.say("all came")
    await state.ports.clock.sleep_ms(1000000)
"""


@pytest.mark.parametrize("sessions", [1, 4])
def test_several_requests_at_once(tmp_path, server, sessions):
    """Each unloads the program's part for HTTP at its end, while others are still at it."""
    path = _lonely(tmp_path, server, TOGETHER % server[0], TLS_SESSIONS=sessions)
    with mishaps.powered(path) as machine:
        machine.wait_for("all came")
    assert len([line for line in machine.lines if ": hello" in line]) == 6


ONCE = """
    while not state.ports.network.connected():
        await state.ports.clock.sleep_ms(20)
    await state.ports.clock.sleep_ms(%d)
    answer = await state.services["url"].get("%s/hello")
    self.say("it came: " + answer.body.decode())
    await state.ports.clock.sleep_ms(1000000)
"""


def test_the_page_gives_way_and_comes_back(tmp_path, server):
    path = _lonely(tmp_path, server, ONCE % (1000, server[0]), WEB_BESIDE_TLS=False)
    with mishaps.powered(path) as machine:
        machine.wait_for("web        page at")
        stopped = machine.lines.index(machine.wait_for("web        stopped: memory is short"))
        machine.wait_for("it came: hello")
        machine.wait_for("web        page at", start=stopped)


def test_too_little_memory_is_said(tmp_path, server):
    path = _lonely(tmp_path, server, ONCE % (0, server[0]), TLS_HEAP_BYTES=1 << 28)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "probe", "a TLS connection needs 268439552 bytes", "are free")
        mishaps.still_runs(machine)


def test_an_application_asks(tmp_path, server):
    body = f"""
    url = await muster.url()
    while True:
        try:
            answer = await url.get("{server[0]}/hello")
            break
        except muster.Failure as failure:
            assert "no network" in str(failure)
            await asyncio.sleep_ms(50)
    muster.log("it came: " + answer.body.decode())
    """
    path = _lonely(tmp_path, server, "pass")
    mishaps.edit(path, applications.compiled(tmp_path / "app", applications.body(body)))
    with mishaps.powered(path) as machine:
        machine.wait_for("app        it came: hello")


REDIRECTS = """
    from device.core.failures import Failure
    while not state.ports.network.connected():
        await state.ports.clock.sleep_ms(20)
    for path in ("/loop", "/plain", "/hop", "/away"):
        try:
            answer = await state.services["url"].get("%s" + path, {"Authorization": "Bearer t0ken"})
            self.say(path + " %%d %%s" %% (answer.status, answer.body.decode()))
        except Failure as failure:
            self.say(path + " " + str(failure))
    await state.ports.clock.sleep_ms(1000000)
"""


def test_redirects(tmp_path, server):
    _Handler.heard.clear()
    path = _lonely(tmp_path, server, REDIRECTS % server[0], TLS_SESSIONS=4)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "probe", "/loop", "redirects more than 3 times")
        mishaps.complaint(machine, "probe", "/plain", "redirects to an address without TLS: refused")
        machine.wait_for("/hop 200 hello")
        machine.wait_for("/away 200 hello")
    token = "Bearer t0ken"
    assert _Handler.heard == [("/loop", token)] * 4 + [
        ("/plain", token),
        ("/hop", token),
        ("/hello", token),
        ("/away", token),
        ("/hello", None),
    ]


def test_a_root_that_is_missing_is_said(twin, serial, tmp_path, server):
    path = _image(tmp_path / "flash.img", twin, serial, (server[0], b""), 4)
    mishaps.edit(path, {f"{paths.ROOTS}/web.pem": None})
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "probe", "not signed by a root CA of this board", paths.ROOTS)
        machine.wait_for(re.compile("heartbeat .*connected, .*failing: probe"))
