"""One MQTT connection over mutual TLS: whole frames, every wait with a time-out, acknowledgements matched.

A task reads; everything else only writes and waits for what the reader reports. A connection that has
failed stays failed (an expired time-out poisons a TLS socket in MicroPython), so there is no repair:
whoever owns it opens a new one.
"""

import asyncio

from device.core import calendar
from device.core.failures import AGAIN, Failure, Refused
from device.port import causes, clock, packets, tls

KEEP_ALIVE_S = 44
MAX_FRAME_BYTES = 16384
_TCP_MS = 15000
_TLS_MS = 20000
_ANSWER_MS = 15000
_DUP = 0x08
_NO_DELAY = (6, 1)  # IPPROTO_TCP, TCP_NODELAY: else each small record of the handshake waits for an ACK


async def _limited(awaitable, limit_ms, late):
    """Wait for `awaitable`; raises the Failure `late` after `limit_ms`."""
    try:
        return await asyncio.wait_for_ms(awaitable, limit_ms)
    except asyncio.TimeoutError:
        raise late


async def _connect_tcp(host, port):
    """A connected plain socket that does not block."""
    try:
        opening = asyncio.open_connection(host, port)
        stream, _ = await _limited(opening, _TCP_MS, causes.no_answer("%s:%d" % (host, port)))
    except OSError as error:
        raise causes.of_connect(error, host, port)
    try:
        stream.s.setsockopt(_NO_DELAY[0], _NO_DELAY[1], 1)
    except (OSError, AttributeError):
        pass  # a port without this option is slower, nothing else
    return stream.s


async def connect(identity, client_id):
    """Open a connection as `identity` (core.slots.Identity) and return it once the CONNACK is there.

    Raises Refused when the server turned us away, Failure otherwise.
    """
    host = identity.endpoint
    opened = None
    try:
        context = tls.context(identity.root_ca, identity.certificate, identity.private_key)
        opened = await _connect_tcp(host, identity.port)
        opened = context.wrap_socket(opened, server_hostname=host, do_handshake_on_connect=False)
        opened.setblocking(False)
        connection = Connection(opened, packets.Packets(client_id, KEEP_ALIVE_S))
        await connection.open("%s:%d" % (host, identity.port))
        return connection
    except (OSError, ValueError, MemoryError) as error:
        failure = causes.of_tls(error, host, identity.port, calendar.text(clock.unix()))
    except Failure as error:
        failure = error
    if opened:
        opened.close()  # of the TLS socket, if it came so far: it holds most of the memory
    raise failure


class Connection:
    """An open connection. `lost` is None while it lives, then the Failure that ended it.

    `on_message(topic, payload)` is called by the reader for every message; it must only take note.
    """

    def __init__(self, secure, builder):
        self.lost = None
        self.on_message = None
        self._stream = asyncio.StreamReader(secure)
        self._packets = builder
        self._lock = asyncio.Lock()
        self._waiting = {}  # (kind of packet, packet id or 0) -> [event, result]
        self._ended = asyncio.Event()
        self._reader = None

    async def open(self, where):
        """Send CONNECT and wait for CONNACK. The TLS handshake happens in the first write."""
        self._stream.write(self._packets.connect_packet())
        await _limited(self._stream.drain(), _TLS_MS, causes.no_answer(where))
        try:
            frame = await _limited(self._frame(), _ANSWER_MS, causes.no_answer(where))
        except EOFError:
            raise causes.closed("instead of accepting it")
        answer = self._packets.parse(frame)
        if answer is None or answer[0] != packets.CONNECTED:
            raise Failure(AGAIN, "the server did not begin with CONNACK")
        if answer[1]:
            raise Refused("the server refuses the connection (CONNACK code %d)" % answer[1])
        self._reader = asyncio.create_task(self._read())

    async def _frame(self):
        """The bytes of one packet, in one buffer."""
        head = bytearray(await self._stream.readexactly(1))
        size = shift = 0
        while True:
            byte = (await self._stream.readexactly(1))[0]
            head.append(byte)
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
            if shift > 21:
                raise Failure(AGAIN, "the server sent a broken packet length")
        if size > MAX_FRAME_BYTES:
            raise Failure(
                AGAIN, "the server sent %d bytes at once, the limit is %d" % (size, MAX_FRAME_BYTES)
            )
        at = len(head)
        frame = bytearray(at + size)
        frame[:at] = head
        view = memoryview(frame)
        while at < len(frame):
            count = await self._stream.readinto(view[at:])
            if count == 0:
                raise EOFError
            at += count or 0  # None: the rest of a TLS record is still on its way
        return frame

    async def _read(self):
        """Read until the connection ends."""
        try:
            while True:
                await self._handle(self._packets.parse(await self._frame()))
        except EOFError:
            self._fail(causes.closed(""))
        except Failure as error:
            self._fail(error)
        except (OSError, MemoryError) as error:
            self._fail(causes.closed("(%s)" % error))
        except Exception:  # a bug in `on_message`: else nobody would notice that nobody reads
            self._fail(Failure(AGAIN, "the reader failed"))
            raise

    async def _handle(self, packet):
        if packet is None:
            return
        kind = packet[0]
        if kind == packets.MESSAGE:
            if self.on_message:
                self.on_message(packet[1], packet[2])
            if packet[3]:
                await self._send(packet[3])
            return
        waiting = self._waiting.get((kind, packet[1] if len(packet) > 1 else 0))
        if waiting:  # an acknowledgement that nobody waits for is late or repeated: nothing to do
            waiting[1] = packet
            waiting[0].set()

    def _fail(self, why):
        if self.lost is None:
            self.lost = why
            self._ended.set()
            for key in self._waiting:
                self._waiting[key][0].set()

    async def _send(self, packet):
        if self.lost:
            raise self.lost
        async with self._lock:
            whole = False
            try:
                self._stream.write(packet)
                late = Failure(AGAIN, "the network does not take data")
                await _limited(self._stream.drain(), _ANSWER_MS, late)
                whole = True
            except OSError as error:
                self._fail(causes.closed("(%s)" % error))
            except Failure as error:
                self._fail(error)
            finally:  # also when we were cancelled or memory ran out: what follows half a packet is lost
                if not whole:
                    self._fail(Failure(AGAIN, "only half a packet could be sent"))
        if self.lost:
            raise self.lost

    async def _answered(self, key, packet, what, again=0):
        """Send `packet`, once more when the answer known by `key` is late, with the flag `again` set."""
        waiting = self._waiting[key] = [asyncio.Event(), None]
        try:
            for _ in range(2):
                await self._send(packet)
                try:
                    await asyncio.wait_for_ms(waiting[0].wait(), _ANSWER_MS // 2)
                    break
                except asyncio.TimeoutError:
                    packet[0] |= again
            if self.lost and waiting[1] is None:
                raise self.lost
            if waiting[1] is None:
                raise Failure(AGAIN, "no %s from the server" % what)
            return waiting[1]
        finally:
            self._waiting.pop(key, None)

    async def subscribe(self, filters):
        """Subscribe to `filters` (AWS takes up to 8) and wait for the SUBACK."""
        packet_id = self._packets.next_id()
        packet = self._packets.subscribe_packet(filters, packet_id)
        granted = (await self._answered((packets.GRANTED, packet_id), packet, "SUBACK"))[2]
        for at, name in enumerate(filters):
            if at >= len(granted) or granted[at] & 0x80:
                raise Failure(AGAIN, "the server refuses the subscription to " + name)

    async def publish(self, topic, payload, qos=1):
        """Publish; with QoS 1 return after the PUBACK, sending once more when it is late."""
        if not qos:
            await self._send(self._packets.publish_packet(topic, payload))
            return
        packet_id = self._packets.next_id()
        packet = self._packets.publish_packet(topic, payload, packet_id)
        await self._answered((packets.ACKNOWLEDGED, packet_id), packet, "PUBACK", _DUP)

    async def ping(self):
        """Ask the server for a sign of life; raises Failure when none comes."""
        await self._answered((packets.PONG, 0), self._packets.ping_packet(), "PINGRESP")

    async def ended(self):
        """Return when the connection has failed or was closed."""
        await self._ended.wait()

    async def close(self):
        """Say goodbye and free the memory of the connection (27 to 30 KB on a Pico W)."""
        if self._reader:
            self._reader.cancel()
        if self.lost is None:
            try:
                await self._send(self._packets.disconnect_packet())
            except Failure:
                pass  # it is gone anyway
        self._fail(Failure(AGAIN, "closed by us"))
        self._stream.close()
        await self._stream.wait_closed()
