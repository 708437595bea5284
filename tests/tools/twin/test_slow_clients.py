"""Clients that read slowly or not at all: what the twin keeps for them is bounded, and nothing is lost."""

import asyncio
import contextlib
import socket
import ssl

from muster.twin import packets
from muster.twin.link import Link, Outbox
from muster.twin.tls import server_context
from tools.twin.helpers import OWN, wait_until
from tools.twin.raw import PUBLISH, connect_packet, publish_packet, subscribe_packet

LARGE = b"x" * 128 * 1024


def test_one_that_asks_and_never_reads_is_cut_off_in_time(camera, twin, monkeypatch):
    made = []
    build = packets.to_publish
    monkeypatch.setattr(packets, "to_publish", lambda *args: made.append(1) or build(*args))
    with camera.connect() as raw:
        raw.publish(OWN + "kept", LARGE, qos=1, retain=True)
        with contextlib.suppress(OSError):
            raw.send(subscribe_packet([(OWN + "kept", 0)] * 8) * 200)  # 1 MB each
        wait_until(lambda: not twin.client_ids)
    assert len(made) < 400  # 50 MB with the buffers of the system


def test_a_large_session_is_sent_again_whole(camera):
    with camera.connect(clean=False) as raw:
        raw.subscribe(OWN + "a")
        for number in range(1, 101):
            raw.send(publish_packet(OWN + "a", LARGE, qos=1, packet_id=number))
            assert {raw.read()[0] & 0xF0, raw.read()[0] & 0xF0} == {PUBLISH, 0x40}
    with camera.open() as raw:
        raw.send(connect_packet("cam1", clean=False))
        assert raw.read() == (0x20, b"\1\0")
        for _ in range(100):
            assert raw.message() == (OWN + "a", LARGE)
        assert raw.is_alive()


class _User:
    """Who uses a link, and only hears of its end."""

    def __init__(self):
        self.is_lost = False

    def received(self, data):
        pass

    def lost(self):
        self.is_lost = True

    ready = overran = lost


class _Links(set):
    """Where a link is as long as it has a socket."""

    def __init__(self):
        super().__init__()
        self.is_empty = asyncio.Event()

    def discard(self, link):
        super().discard(link)
        self.is_empty.set()


def test_one_that_only_stops_sending_is_gone_though_it_does_not_read(twin):
    """Its socket is closed, and does not wait for a reader that never comes."""
    context = ssl.create_default_context(cafile=twin.ca_pem_path)
    context.load_cert_chain(twin.claim_certificate_path, twin.claim_key_path)
    user, links = _User(), _Links()

    def opened(link):
        link.admitted()
        return user

    def link():
        return Link(server_context(twin.home, require_sni=False), 30, Outbox(lambda: None), opened, links)

    async def run(client, server):
        loop = asyncio.get_running_loop()
        transport, ours = await loop.connect_accepted_socket(link, server)
        theirs = await asyncio.to_thread(context.wrap_socket, client, server_hostname="localhost")
        while not transport.get_write_buffer_size():
            ours.send(bytes(1024))
            await asyncio.sleep(0)
        assert not ours.is_full
        theirs.shutdown(socket.SHUT_WR)
        await links.is_empty.wait()
        theirs.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        asyncio.run(run(client, listener.accept()[0]))
    assert user.is_lost


def test_twins_in_one_process_do_not_read_into_the_same_buffer(twin):
    context = server_context(twin.home, require_sni=False)
    one, other = (Link(context, 30, Outbox(lambda: None), lambda _: None, set()) for _ in range(2))
    assert one.get_buffer(-1).obj is not other.get_buffer(-1).obj
