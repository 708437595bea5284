"""The relay: what it carries, delays, cuts and counts."""

import asyncio
import socket
import subprocess
import sys
import threading
import time

import pytest

from muster.cli import main as cli
from muster.errors import WRONG_USE, MusterError
from muster.relay import Clock, Relay


class Echo:
    """A server in a thread that sends back what it gets, and ends when the sender ends."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.received = 0
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection):
        with connection:
            while data := _receive(connection, 65536):
                self.received += len(data)
                connection.sendall(data)

    def __exit__(self, *_):
        self.listener.close()


def _receive(connection, count):
    try:
        return connection.recv(count)
    except OSError:
        return b""


def _client(relay):
    client = socket.create_connection((relay.host, relay.port), timeout=20)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def _all(client):
    data = b""
    while part := _receive(client, 65536):
        data += part
    return data


@pytest.fixture
def echo():
    with Echo() as server:
        yield server


def test_carries_large_data_both_ways_and_passes_the_end_on(echo):
    data = bytes(range(256)) * 4096
    with Relay("127.0.0.1", echo.port) as relay, _client(relay) as client:
        sender = threading.Thread(target=lambda: (client.sendall(data), client.shutdown(socket.SHUT_WR)))
        sender.start()
        assert _all(client) == data
        sender.join()
        assert (relay.connections, relay.bytes_up, relay.bytes_down) == (1, len(data), len(data))
        assert relay.first_syn is not None


def test_counts_turns_so_that_round_trips_need_no_clock(echo):
    with Relay("127.0.0.1", echo.port) as relay, _client(relay) as client:
        for _ in range(5):
            client.sendall(b"ping")
            assert client.recv(4) == b"ping"
        assert relay.turns == 2 + 2 * 5


class Stepped(Clock):
    """Time that passes only while somebody sleeps, and then at once."""

    def __init__(self):
        self.at_s = 0.0

    def now_s(self):
        return self.at_s

    async def sleep(self, duration_s):
        self.at_s += duration_s
        await asyncio.sleep(0)


def test_the_clock_is_the_hosts():
    async def waited():
        before_s = time.monotonic()
        await Clock().sleep(0.001)
        return before_s

    before_s = asyncio.run(waited())
    assert before_s + 0.001 <= Clock().now_s() <= time.monotonic()


def test_latency_is_one_round_trip_for_the_opening_and_one_for_the_exchange(echo):
    clock = Stepped()
    with Relay("127.0.0.1", echo.port, latency_ms=60, clock=clock) as relay, _client(relay) as client:
        for round_trips in (2, 3, 4):
            client.sendall(b"x")
            client.recv(1)
            assert clock.at_s == pytest.approx(round_trips * 0.06)


def test_bandwidth_limits_each_direction(echo):
    clock = Stepped()
    with Relay("127.0.0.1", echo.port, bandwidth=20000, clock=clock) as relay, _client(relay) as client:
        client.sendall(bytes(4000))
        client.shutdown(socket.SHUT_WR)
        assert len(_all(client)) == 4000
        assert clock.at_s >= 0.2 - 1e-6  # at least; parts that travel both ways at once count twice here


@pytest.mark.parametrize("number", [1, 5, 10])
def test_cuts_after_exactly_so_many_bytes_up_and_only_once(echo, number):
    with Relay("127.0.0.1", echo.port) as relay:
        relay.cut_after_up = number
        with _client(relay) as client:
            client.sendall(b"0123456789")
            _all(client)
        assert relay.bytes_up == number
        assert relay.cut_after_up is None
        with _client(relay) as client:
            client.sendall(b"again")
            assert client.recv(5) == b"again"


def test_cuts_down_after_exactly_so_many_bytes(echo):
    with Relay("127.0.0.1", echo.port) as relay:
        relay.cut_after_down = 3
        with _client(relay) as client:
            client.sendall(b"0123456789")
            assert _all(client) == b"012"


def test_cuts_in_total_over_all_connections(echo):
    with Relay("127.0.0.1", echo.port) as relay:
        relay.cut_after_total = 25
        with _client(relay) as client:
            client.sendall(b"0123456789")
            client.shutdown(socket.SHUT_WR)
            assert _all(client) == b"0123456789"
        with _client(relay) as client:
            client.sendall(b"abcdefghij")
            _all(client)
        assert relay.bytes_up + relay.bytes_down == 25


def test_black_hole_takes_bytes_and_delivers_none_then_recovers(echo):
    with Relay("127.0.0.1", echo.port) as relay, _client(relay) as client:
        client.sendall(b"before")
        assert client.recv(6) == b"before"
        relay.black_hole = True
        client.sendall(b"lost")
        assert relay.wait_until(lambda r: r.turns == 5)
        with _client(relay) as other:
            other.sendall(b"lost too")
        assert relay.wait_until(lambda r: r.connections == 2)
        assert (echo.received, relay.bytes_up) == (6, 6)
        relay.black_hole = False
        with _client(relay) as third:
            third.sendall(b"after")
            assert third.recv(5) == b"after"
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(1)


def test_refuses_new_connections_and_keeps_old_ones(echo):
    with Relay("127.0.0.1", echo.port) as relay, _client(relay) as client:
        client.sendall(b"a")
        assert client.recv(1) == b"a"
        relay.refuse = True
        with _client(relay) as refused:
            assert _all(refused) == b""
        assert (relay.connections, relay.refused) == (1, 1)
        client.sendall(b"b")
        assert client.recv(1) == b"b"


def test_target_without_a_port_gives_the_client_an_end():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    with Relay("127.0.0.1", free) as relay, _client(relay) as client:
        assert _all(client) == b""


def test_a_taken_port_is_one_sentence(echo):
    with pytest.raises(MusterError, match="cannot listen"), Relay("127.0.0.1", 1, port=echo.port):
        pass


def test_works_in_an_event_loop(echo):
    async def exchange():
        async with Relay("127.0.0.1", echo.port) as relay:
            reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.close()

    asyncio.run(exchange())


def test_command_line_says_when_it_is_ready_and_what_it_carried(echo):
    words = [sys.executable, "-m", "muster", "relay", "--to", f"127.0.0.1:{echo.port}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        ready = process.stdout.readline()
        assert ready.startswith("relay ready 127.0.0.1:")
        port = int(ready.split()[2].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(b"abc")
            assert client.recv(3) == b"abc"
        process.terminate()
        assert "1 connection, 3 bytes up, 3 bytes down, 4 turns" in process.stdout.read()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "nowhere"], "HOST:PORT"),
        (["--to", "host:\N{SUPERSCRIPT TWO}"], "HOST:PORT"),
        (["--to", "host:1", "--latency-ms", "nan"], "'nan' is not a finite number"),
        (["--to", "host:1", "--latency-ms", "inf"], "'inf' is not a finite number"),
        (["--to", "host:1", "--latency-ms", "-1"], "x>=0"),
        (["--to", "host:1", "--bandwidth", "nan"], "'nan' is not a finite number"),
        (["--to", "host:1", "--bandwidth", "inf"], "'inf' is not a finite number"),
        (["--to", "host:1", "--bandwidth", "0"], "x>=1"),
        (["--to", "host:1", "--host", "a b"], "must be a host name or an IP address"),
    ],
)
def test_wrong_use_is_one_sentence(capsys, words, said):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["relay", *words])
    output, error = capsys.readouterr()
    assert (stopped.value.code, output) == (WRONG_USE, "")
    assert said in error and error.count("\n") == 1
