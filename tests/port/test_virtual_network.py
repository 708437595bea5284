"""Bad days of the virtual board's network: lwIP's errors, stuck and dead radios, lost connections."""

import socket
import ssl
import threading

import pytest

from tests.port.tls_peer import Authority, Server, server_context
from tests.port.virtual_run import JOIN, lines

TCP = """
import asyncio, select, socket
def flags(stream, wanted=select.POLLOUT):
    poller = select.poll()
    poller.register(stream, wanted)
    found = poller.poll(0)
    return found[0][1] if found else 0
async def opened(port, limit_ms=5000):
    reader, _ = await asyncio.wait_for_ms(asyncio.open_connection("127.0.0.1", port), limit_ms)
    return reader.s
station = join()
"""

REFUSED = (
    TCP
    + """
async def main():
    stream = await opened(1)
    print(flags(stream), error_of(stream.write, b"x"), error_of(stream.read, 1))
try:
    asyncio.run(main())
except OSError as error:
    print("open", error.errno)
plain = socket.socket()
print(error_of(plain.connect, socket.getaddrinfo("127.0.0.1", 1)[0][-1]))
"""
)


@pytest.mark.parametrize("bits", [64, 32])
def test_lwip_tells_of_a_refused_connection_late_and_as_a_reset(tmp_path, bits):
    assert lines(tmp_path, REFUSED, bits=bits, STACK="lwip") == ["28 error 104 error 104", "error 104"]


def test_without_lwip_the_sockets_of_the_host_stay_as_they_are(tmp_path):
    assert "111" in " ".join(lines(tmp_path, REFUSED))


def echo(peer):
    """Send back what comes, until the client has gone."""
    while data := peer.recv(4096):
        peer.sendall(data)


TALK = (
    TCP
    + """
async def main():
    stream = await opened(PORT)
    async def answer():
        return await asyncio.StreamReader(stream).read(3)
    stream.write(b"one")
    print(await answer(), flags(stream))
    LOSE
    print(flags(stream), flags(stream, select.POLLIN), error_of(stream.write, b"two"))
    print(flags(stream), error_of(stream.read, 1), station.isconnected())
    MEND
    print(error_of(stream.write, b"x"))
    stream = await opened(PORT)
    stream.write(b"new")
    print(await answer())
asyncio.run(main())
"""
)


@pytest.fixture
def echoing():
    """The port of a server on which every connection hears itself."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=[peer], daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    thread.join()
    listener.close()


def talk(port, lose, mend):
    return TALK.replace("PORT", str(port)).replace("LOSE", lose).replace("MEND", mend)


@pytest.mark.parametrize("bits", [64, 32])
def test_a_lost_network_breaks_open_connections_and_the_next_write_tells(tmp_path, bits, echoing):
    program = talk(echoing, "while station.isconnected(): await asyncio.sleep_ms(20)", "join()")
    found = lines(tmp_path, program, bits=bits, STACK="lwip", NETWORK="drops:0.6")
    assert found == [
        "b'one' 4",
        "4 0 error 113",
        "28 error 113 False",
        "error 113",
        "b'new'",
    ]


WAIT = "await asyncio.sleep_ms(700)"


@pytest.mark.parametrize(
    ("mood", "mend"),
    [
        ("stuck:0.6", "station.disconnect(); join()"),
        ("stuck-reset:0.6", "station.active(False); join()"),
    ],
)
def test_a_stuck_network_swallows_everything_until_it_is_joined_anew(tmp_path, mood, mend, echoing):
    found = lines(tmp_path, talk(echoing, WAIT, mend), NETWORK=mood)
    assert found == ["b'one' 4", "4 0 3", "4 None True", "error 113", "b'new'"]


STUCK = (
    TCP
    + """
question = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server = socket.getaddrinfo("127.0.0.1", 123)[0][-1]
def attempt():
    question.sendto(bytes([0x23]) + bytes(47), server)
    try:
        asyncio.run(opened(PORT, 200))
        tcp = "open"
    except asyncio.TimeoutError:
        tcp = "late"
    question.settimeout(10 if tcp == "open" else 0)
    print(station.isconnected(), tcp, error_of(lambda: len(question.recv(512))))
attempt()
station.disconnect()
join()
attempt()
station.active(False)
join()
attempt()
"""
)


@pytest.mark.parametrize(
    ("mood", "second"), [("stuck", "True open 48"), ("stuck-reset", "True late error 11")]
)
def test_a_stuck_network_completes_no_connection(tmp_path, mood, second, echoing):
    found = lines(tmp_path, STUCK.replace("PORT", str(echoing)), NETWORK=mood)
    assert found == ["True late error 11", second, "True open 48"]


def test_a_dead_radio_says_nothing_and_refuses_to_connect(tmp_path):
    program = """
station = network.WLAN(network.STA_IF)
print(station.active(True), station.active(), error_of(station.connect, "any", "pass"))
"""
    assert lines(tmp_path, program, NETWORK="dead-radio") == ["None False error 1"]


TLS = (
    TCP
    + """
import binascii, tls
context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
context.verify_mode = tls.CERT_REQUIRED
def der(name):
    return binascii.a2b_base64("".join(open(name).read().split("-----")[2].split()))
context.load_verify_locations(der("/ca"))
context.load_cert_chain(der("/cert"), der("/key"))
async def main():
    stream = await opened(PORT)
    stream.setsockopt(6, 1, 1)
    stream.setblocking(BLOCKING)
    secure = context.wrap_socket(stream, server_hostname="localhost", do_handshake_on_connect=BLOCKING)
    secure.setblocking(False)
    reader = asyncio.StreamReader(secure)
    reader.write(b"hello" * 500)
    await reader.drain()
    print(len(await reader.readexactly(5000)))
    station.disconnect()
    print(error_of(secure.write, b"x"))
    secure.close()
    stream.close()
asyncio.run(main())
"""
)


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("bits", [64, 32])
def test_tls_works_over_the_streams_of_lwip(tmp_path, bits, blocking):
    authority = Authority(tmp_path)

    def script(peer):
        assert peer.read(2500) == b"hello" * 500
        peer.send(bytes(5000))
        peer.until_closed()

    certificate, key = authority.issue("client")
    files = {"/ca": authority.path, "/cert": certificate, "/key": key}
    context = server_context(authority.issue("localhost"), authority.path, ssl.TLSVersion.TLSv1_2)
    boot = "".join(
        f"with open({name!r}, 'w') as file:\n    file.write({path.read_text()!r})\n"
        for name, path in files.items()
    )
    with Server(context, script) as server:
        program = TLS.replace("PORT", str(server.port)).replace("BLOCKING", str(blocking))
        found = lines(tmp_path, program, JOIN + boot, bits=bits, STACK="lwip")
        assert found == ["5000", "error 113"]
        assert server.errors == []


HANDSHAKE = (
    TCP
    + """
import machine, tls
calls = [0, 0]
def count(number):
    def callback(timer):
        calls[number] += 1
    return callback
context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
context.verify_mode = tls.CERT_NONE
stream = asyncio.run(opened(PORT))
stream.settimeout(0.3)
machine.Timer(period=20, hard=True, callback=count(0))
machine.Timer(period=20, callback=count(1))
print(error_of(context.wrap_socket, stream), calls[0] > 3, calls[1])
"""
)


@pytest.mark.parametrize("bits", [64, 32])
def test_only_hard_timers_run_in_a_handshake(tmp_path, bits):
    with Server(None, lambda peer: None) as server:  # takes the connection and says nothing
        program = HANDSHAKE.replace("PORT", str(server.port))
        assert lines(tmp_path, program, bits=bits, STACK="lwip") == ["error 110 True 0"]


SERVE = (
    TCP
    + """
import os
async def main():
    plug = socket.socket()
    while True:
        port = 0x8000 | int.from_bytes(os.urandom(2), "big")
        try:
            plug.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            break
        except OSError:
            pass
    plug.listen(1)
    plug.setblocking(False)
    print(flags(plug, select.POLLIN))
    client = await opened(port)
    while not flags(plug, select.POLLIN):
        await asyncio.sleep_ms(5)
    served, _ = plug.accept()
    served.setblocking(False)
    client.write(b"ask")
    print(await asyncio.StreamReader(served).read(3), served.write(b"say"))
    print(await asyncio.StreamReader(client).read(3))
    station.disconnect()
    print(error_of(served.write, b"x"), error_of(served.read, 1))
    point = network.WLAN(network.AP_IF)
    point.active(True)
    print(error_of(client.write, b"x"), bool(socket.getaddrinfo("127.0.0.1", port)))
asyncio.run(main())
"""
)


@pytest.mark.parametrize("bits", [64, 32])
def test_whoever_has_come_to_the_board_is_lost_with_the_network(tmp_path, bits):
    found = lines(tmp_path, SERVE, bits=bits, STACK="lwip")
    assert found == [
        "0",
        "b'ask' 3",
        "b'say'",
        "error 113 error 113",
        "virtual board: access point PICO4F2A, WPA2",
        "error 113 True",
    ]


POINT = """
point = network.WLAN(network.AP_IF)
point.config(ssid="first", security=0)
point.active(True)
point.config(ssid="second")
print(point.active(), point.ifconfig()[0], len(point.status("stations")))
point.active(False)
print(point.active())
"""


@pytest.mark.parametrize(("kind", "later"), [("pico_w", []), ("esp32", ["second, open"])])
def test_an_access_point_takes_another_name_as_its_board_does(tmp_path, kind, later):
    found = lines(tmp_path, POINT, KIND=kind, AP="up:2")
    named = [line.removeprefix("virtual board: access point ") for line in found[:-2]]
    assert named == ["first, open", *later] and found[-2:] == ["True 127.0.0.1 2", "False"]


@pytest.mark.parametrize(
    ("kind", "answer"), [("pico_w", "None"), ("esp32", "error Wifi Unknown Error 0x0101")]
)
def test_an_access_point_that_does_not_start(tmp_path, kind, answer):
    program = """
point = network.WLAN(network.AP_IF)
try:
    print(point.active(True))
except OSError as error:
    print("error", error)
print(point.active())
"""
    assert lines(tmp_path, program, KIND=kind, AP="fails") == [answer, "False"]
