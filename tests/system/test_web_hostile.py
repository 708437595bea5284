"""Hostile HTTP against a running board: the other services go on, and its heap is whole afterwards.

The board is online at the twin and publishes five times a second; its heart beats as often and says how much
memory is free after a collection.
"""

import contextlib
import json
import random
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from device.core import topics
from tests.system import mishaps, rig
from tests.system.browser import PASSWORD, WEB, Browser, drip, port_of, rest_of

BITS = (64, 32)
TOLERANCE_BYTES = 2560  # what the answers to publications differ by, and one stale frame on 64 bits
BEATS = 40  # until the heap must be whole again
SERIALS = {64: "web-64", 32: "web-32"}
TICK = """
    number = 0
    while True:
        number += 1
        await state.session.publish("cameraDevice/%s/booted" % state.settings.serial, b"%d" % number)
        await state.ports.clock.sleep_ms(200)
"""
QUICK = {"web_request_ms": 1500, "web_answer_ms": 3000}
FREE = re.compile(r"heartbeat +up .* (\d+) bytes free.*all services OK")


class Victim:
    """A board under attack."""

    def __init__(self, twin, machine, bits):
        self._twin, self._serial = twin, SERIALS[bits]
        self._topic = topics.booted(topics.DEFAULT_PREFIX, self._serial)  # the policy allows no other
        self.machine = machine
        self.port = port_of(machine)
        self.browser = Browser(self.port)
        self.at_first = 0  # bytes free

    def ticks(self):
        return sum(
            message.topic == self._topic and message.payload.isdigit() for message in self._twin.messages
        )

    def free(self, at_least=0):
        """Bytes free at a heartbeat from now on, at the first of some with so many."""
        found = []
        start = len(self.machine.lines)
        while len(found) < BEATS:
            line = self.machine.wait_for(FREE, 60, start=start)
            found.append(int(FREE.search(line)[1]))
            if found[-1] >= at_least:
                return found[-1]
            start = self.machine.lines.index(line, start) + 1
        raise AssertionError(f"{at_least - max(found)} bytes of heap did not come back: {found}")

    @contextlib.contextmanager
    def unharmed(self):
        """Around an attack: afterwards everything is as before, and meanwhile the others went on."""
        self.use()
        most = max(self.free() for _ in range(3))
        ticks, beats = self.ticks(), self.machine.console.count("heartbeat")
        yield
        assert self.ticks() > ticks, "nothing was published meanwhile"
        assert self.machine.console.count("heartbeat") > beats, "the heart stood still"
        self.use()
        self.free(at_least=most - TOLERANCE_BYTES)
        assert self.machine.running and "bug" not in self.machine.console, self.machine.console

    def use(self):
        """The page still serves who behaves."""
        assert self.browser.get("/api/claim")["board"]["serial"] == self._serial
        assert self.browser.ask("GET", "/")[0] == 200

    def later(self, count=3):
        """Wait until so many more messages are published: an attack that is over too soon shows nothing."""
        wanted = self.ticks() + count
        while self.ticks() < wanted:
            self.free()


@pytest.fixture(scope="module", params=BITS)
def victim(request, twin, tmp_path_factory):
    bits = request.param
    mishaps.need_interpreter(bits)
    path = mishaps.flash(
        tmp_path_factory.mktemp("victim") / "flash.img",
        twin,
        SERIALS[bits],
        intervals=QUICK,
        services=("tick",),
        extra={
            **mishaps.service("tick", TICK),
            **WEB,
        },
    )
    with mishaps.powered(path, bits=bits, heap_kb=400 if bits == 32 else None) as machine:
        machine.wait_for(rig.DONE)
        found = Victim(twin, machine, bits)
        # What is loaded for the first time leaves its names in memory, and the poller its table of sockets.
        Browser(found.port).log_in()
        with ThreadPoolExecutor(9) as pool:
            list(pool.map(found.browser.raw, [b"GET / HTTP/1.1\r\n"] * 9))
        found.later()
        found.at_first = max(found.free() for _ in range(3))
        yield found


def test_bytes_that_come_one_by_one(victim):
    request = b"GET /api/claim HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "
    with victim.unharmed(), contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", victim.port), 60)) for _ in range(9)
        ]
        drips = [threading.Thread(target=drip, args=(plug, request * 40, 0.1)) for plug in slow]
        for thread in drips:
            thread.start()
        victim.use()  # although all places are taken, again and again
        for plug, thread in zip(slow, drips, strict=True):
            assert rest_of(plug) == b""
            thread.join()


def test_connections_that_send_nothing(victim):
    with victim.unharmed(), contextlib.ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", victim.port), 60)) for _ in range(9)
        ]
        victim.use()
        assert [rest_of(plug) for plug in idle] == [b""] * len(idle)


def test_who_takes_no_answer_loses_it(victim):
    with victim.unharmed():
        plug = socket.socket()
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        plug.connect(("127.0.0.1", victim.port))
        plug.sendall(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        victim.later()
        plug.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 1000000,
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 1000000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200000,
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: " + b"a=b;" * 300000 + b"\r\n\r\n",
        b"\0" * 1000000,
    ],
    ids=["target", "header", "headers", "cookies", "zeros"],
)
def test_heads_without_end(victim, head):
    with victim.unharmed():
        for _ in range(5):
            assert victim.browser.raw(head)[:12] in (b"", b"HTTP/1.0 431")
        victim.later()


def test_bodies_that_are_too_large_or_of_no_size(victim):
    with victim.unharmed():
        for length in ("385", "1000000", "99999999999999999999", "-1", "1e3", "0x10", "", "5 5"):
            head = f"POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n"
            for _ in range(3):
                answer = victim.browser.raw(head.encode() + b"x" * 100000)
                assert answer[:12] in (b"", b"HTTP/1.0 413", b"HTTP/1.0 400")
        victim.later()


def test_bodies_that_never_come(victim):
    head = b"POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 384\r\n\r\n{"
    with victim.unharmed(), ThreadPoolExecutor(6) as pool:
        assert set(pool.map(victim.browser.raw, [head] * 6)) == {b""}


MALFORMED = [
    b"\r\n",
    b"GET\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET  / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1 x\r\n\r\n",
    b"G\xffT / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost\r\n\r\n",
    b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
    b"GET / HTTP/1.1\r\nCookie: \xc3\x28\r\n\r\n",
    b"POST /api/login HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /api/login HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"GET /api/log?after=%zz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /api/claim?a=b&&=&a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # a TLS handshake
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


def test_requests_that_are_none(victim):
    with victim.unharmed():
        for data in MALFORMED:
            answer = victim.browser.raw(data + bytes(0))
            assert re.match(rb"HTTP/1\.0 (4\d\d|200) |$", answer), (data, answer)
            assert b"Traceback" not in answer
        victim.later()


def test_random_requests(victim):
    """Good requests with bytes changed, taken out and put in; the same ones each time."""
    dice = random.Random(7)
    good = (
        b"GET /api/claim HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: muster=ab; c=d\r\n\r\n",
        b"POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2\r\n\r\n{}",
    )
    with victim.unharmed():
        for _ in range(150):
            data = bytearray(dice.choice(good))
            for _ in range(dice.randint(1, 8)):
                at = dice.randrange(len(data))
                data[at : at + dice.randint(0, 2)] = bytes(dice.choices(range(256), k=dice.randint(0, 2)))
            with socket.create_connection(("127.0.0.1", victim.port), 60) as plug:
                plug.sendall(data)
                plug.shutdown(socket.SHUT_WR)
                assert re.match(rb"HTTP/1\.0 \d\d\d |$", rest_of(plug)), data
        victim.later()


def test_paths_that_lead_elsewhere(victim):
    with victim.unharmed():
        for path in (
            "/etc/entomologist/wifi.json",
            "/../etc/entomologist/web.json",
            "/api/../../main.py",
            "/%2e%2e/%2e%2e/etc/entomologist/cert/private.pem.key",
            "//etc/entomologist/ento.conf",
            "/api/status/",
            "/api/status/../claim",
            "/api/claim%00",
            "/..\\..\\main.py",
            "http://127.0.0.1/etc/entomologist/wifi.json",
            "/" + "a/" * 2000,
        ):
            answer = victim.browser.raw(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            assert re.match(rb"HTTP/1\.0 4\d\d ", answer), (path, answer)
            assert rig.WIFI_PASSWORD.encode() not in answer
        victim.later()


def test_fifty_connections_at_once(victim):
    with victim.unharmed(), ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: victim.browser.ask("GET", "/api/claim")[0], range(50)))
        assert answers == [200] * 50


def test_fifty_connections_that_break_off(victim):
    def leave(_):
        with socket.create_connection(("127.0.0.1", victim.port), 60) as plug:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
            plug.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

    with victim.unharmed(), ThreadPoolExecutor(10) as pool:
        list(pool.map(leave, range(50)))
        victim.later()


def test_names_that_a_stranger_lets_point_here(victim):
    with victim.unharmed():
        for host in ("evil.example", f"evil.example:{victim.port}", "127.0.0.1.evil.example", "", "a b"):
            for path in ("/", "/api/claim", "/api/status"):
                status, _, body = victim.browser.ask("GET", path, headers={"Host": host})
                assert status == 421 and "serial" not in json.loads(body), (host, path)
        victim.later()


def test_pages_of_other_sites(victim):
    with victim.unharmed():
        own = Browser(victim.port).log_in()
        for headers in (
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": f"https://127.0.0.1:{victim.port}"},
            {"Content-Type": "text/plain"},
            {"Content-Type": "application/x-www-form-urlencoded"},
            {"X-Muster-Token": ""},
        ):
            status, answered, _ = own.ask("POST", "/api/restart", {}, headers)
            assert status in (400, 403), headers
            assert "access-control-allow-origin" not in answered
        for headers in ({"Origin": "http://evil.example"}, {"Content-Type": "text/plain"}):
            stranger = Browser(victim.port)
            assert stranger.ask("POST", "/api/login", {"password": PASSWORD}, headers)[0] in (400, 403)
        assert own.ask("POST", "/api/logout", {}, {"Origin": f"http://127.0.0.1:{victim.port}"})[0] == 204
        victim.later()


def test_all_of_it_together_took_nothing(victim):
    victim.free(at_least=victim.at_first - 2 * TOLERANCE_BYTES)


def test_guessing(victim):
    """Last in this file: who guesses makes the next one wait."""

    def guess(number):
        return Browser(victim.port).ask("POST", "/api/login", {"password": f"guess-{number}"})

    with victim.unharmed(), ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(guess, range(30)))
        statuses = [status for status, _, _ in answers]
        assert statuses.count(403) <= 6 and statuses.count(429) == 30 - statuses.count(403)
        waits = [int(headers["retry-after"]) for status, headers, _ in answers if status == 429]
        assert all(0 < wait <= 60 for wait in waits)
        assert Browser(victim.port).post("/api/login", {"password": PASSWORD}) == 429, "also who knows it"
        victim.later()
