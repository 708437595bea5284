"""One MQTT connection over mutual TLS: whole frames, every wait with a time-out, acknowledgements matched.

One task reads; all other code only writes and waits for what the reader reports. A failed connection stays
failed (after a time-out, MicroPython's TLS socket is unusable), so there is no repair: its owner opens a
new one.
"""

import asyncio
import gc

from device.core import calendar
from device.core.failures import AGAIN, Failure, Lost, Refused
from device.port import board, clock, packets, tls
from device.port.failing import failure

KEEP_ALIVE_S = 44
MAX_FRAME_BYTES = 16384
_PIECE_BYTES = 512
_SMALL_BYTES = 4096
_MAX_LEFT_OUT_BYTES = 131584  # AWS IoT: 128 KB of payload, and a topic
_TCP_MS = 15000
_ANSWER_MS = 15000
_DUP = 0x08
_RETAIN = 0x01

# Made in advance: there may be no memory for them when they are needed.
_HALF = Failure(AGAIN, "only part of a packet was sent")
_READER = Failure(AGAIN, "the reader failed")
_CLOSED = Failure(AGAIN, "closed by us")


async def _limited(awaitable, limit_ms, where):
    """Wait for `awaitable`; raises a Failure after `limit_ms`."""
    try:
        return await clock.limited(awaitable, limit_ms)
    except asyncio.TimeoutError:
        raise failure("no_answer", where)


async def connect(host, port, client_id, files):
    """Open a connection and return it after the CONNACK; see `core.ports`.

    Raises Refused when the server refused it, otherwise Failure.
    """
    where = "%s:%d" % (host, port)
    opened = connection = context = None
    try:
        opened = await tls.plain(host, port, board.interval("connect_ms", _TCP_MS))
        gc.collect()  # the certificates need contiguous memory
        context = tls.context(files)
        board.release_piece()
        builder = packets.Packets(client_id, KEEP_ALIVE_S)
        opened = tls.wrapped(opened, context, host)
        first, limit_ms = builder.connect_packet(), board.interval("tls_ms", tls.LIMIT_MS)
        await _limited(tls.shake_hands(opened, first), limit_ms, where)
        made = Connection(opened, context, builder, where)
        await made.open()
        connection = made
    except (OSError, ValueError, MemoryError) as error:
        free_bytes = gc.mem_free()
        why = error
    finally:  # also when we are cancelled
        if opened and not connection:
            opened.close()  # of the TLS socket, if there is one: it holds most of the memory
            tls.free(context)
    if not connection:
        raise failure("of_tls", why, host, where, calendar.text(clock.unix()), free_bytes)
    opened = context = None
    return connection


def _has_room(size):
    """Whether a message of `size` bytes fits into memory, with the copies that reading it makes."""
    if size < _SMALL_BYTES:
        return True
    try:
        return len([bytearray(size) for _ in range(3)]) == 3
    except MemoryError:
        return False


class Connection:
    """An open connection. `lost` is None while it is open, then the Failure that ended it.

    The reader calls `on_message(topic, payload)` for every message; it must return quickly.
    """

    def __init__(self, secure, context, builder, where):
        self.lost = None
        self.on_message = None
        self.is_retained = False  # whether the message that `on_message` is called for was kept by the server
        self.on_large = None  # told (topic, size) of one that is too large, which else ends the connection
        self._stream = asyncio.StreamReader(secure)
        self._context = context
        self._packets = builder
        self._lock = asyncio.Lock()
        self._waiting = {}  # (kind of packet, packet id or 0) -> [event, result]
        self._ended = asyncio.Event()
        self._reader = None
        self._where = where
        self._answer_ms = board.interval("answer_ms", _ANSWER_MS)

    async def open(self):
        """Wait for CONNACK."""
        frame = []
        try:
            await _limited(self._frame(frame), self._answer_ms, self._where)
        except EOFError:
            raise failure("closed", "instead of accepting it")
        answer = self._packets.parse(frame.pop())
        if answer is None or answer[0] != packets.CONNECTED:
            raise Failure(AGAIN, "the first packet was not CONNACK")
        if answer[1]:
            raise Refused(AGAIN, "the server refused the connection (CONNACK code %d)" % answer[1])
        self._reader = asyncio.create_task(self._read())

    async def _frame(self, found):
        """Append the bytes of one packet, in one buffer, to the list `found`.

        It is not returned, because a coroutine's frame keeps what it returns or awaits alive: up to 4 KB.
        """
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
                raise Failure(AGAIN, "the server sent an invalid packet length")
        may_skip = head[0] & 0xF0 == packets.MESSAGE and self.on_large and size <= _MAX_LEFT_OUT_BYTES
        if may_skip and (size > MAX_FRAME_BYTES or not _has_room(size)):
            await self._leave_out(head[0], size)
            return
        if size > MAX_FRAME_BYTES:
            raise Failure(
                AGAIN, "the server sent a packet of %d bytes; the limit is %d" % (size, MAX_FRAME_BYTES)
            )
        at = len(head)
        found.append(bytearray(at + size))
        found[0][:at] = head
        while at < len(found[0]):
            count = await self._stream.readinto(memoryview(found[0])[at:])
            if count == 0:
                raise EOFError
            at += count or 0  # None: the rest of a TLS record has not arrived yet

    async def _leave_out(self, first, size):
        """Read a large message without keeping it, and acknowledge it, or it would come again."""
        begin = await self._stream.readexactly(2)
        topic = await self._stream.readexactly(min(begin[0] << 8 | begin[1], 256))
        left = size - 2 - len(topic)
        identifier = b""
        if first & 0x06:
            identifier = await self._stream.readexactly(2)
            left -= 2
        piece = memoryview(bytearray(_PIECE_BYTES))
        while left > 0:
            count = await self._stream.readinto(piece[: min(left, _PIECE_BYTES)])
            if count == 0:
                raise EOFError
            left -= count or 0
        self.on_large(topic.decode(), size)
        if identifier:
            await self._send(b"\x40\x02" + identifier)

    async def _read(self):
        """Read until the connection ends."""
        frame = []
        try:
            while True:
                await self._frame(frame)
                acknowledgement = self._handle(frame) if frame else b""
                if acknowledgement:
                    await self._send(acknowledgement)
        except EOFError:
            self._fail(failure("closed", ""))
        except Failure as error:
            self._fail(error)
        except (OSError, MemoryError) as error:
            self._fail(failure("broken", error))
        except Exception:  # a bug in `on_message`; without this, nothing would show that the reader has ended
            self._fail(_READER)
            raise

    def _handle(self, frame):
        """Take the packet out of the list `frame`; return the reply to send, or b""."""
        self.is_retained = bool(frame[0][0] & _RETAIN)
        packet = self._packets.parse(frame.pop())
        if packet is None:
            return b""
        if packet[0] == packets.MESSAGE:
            if self.on_message:
                self.on_message(packet[1], packet[2])
            return packet[3]
        waiting = self._waiting.get((packet[0], packet[1] if len(packet) > 1 else 0))
        if waiting:  # an unexpected acknowledgement is late or repeated: ignored
            waiting[1] = packet
            waiting[0].set()
        return b""

    def _fail(self, why):
        if self.lost is None:
            self.lost = why
            self._ended.set()
            for key in self._waiting:
                self._waiting[key][0].set()

    def _check(self):
        if self.lost:
            raise self.lost

    async def _send(self, packet):
        self._check()
        async with self._lock:
            self._check()  # the previous holder of the lock may have left part of a packet
            whole = False
            try:
                self._stream.write(packet)
                await _limited(self._stream.drain(), self._answer_ms, self._where)
                whole = True
            except (OSError, MemoryError) as error:
                self._fail(failure("broken", error))
            except Failure as error:
                self._fail(error)
            finally:  # also when cancelled or out of memory: nothing may follow part of a packet
                if not whole:
                    self._fail(_HALF)
        self._check()

    async def _answered(self, key, packet, what, again=0):
        """Send `packet`; if the answer `key` is late, send it once more with the flag `again` set."""
        waiting = self._waiting[key] = [asyncio.Event(), None]
        try:
            for _ in range(2):
                await self._send(packet)
                try:
                    await clock.limited(waiting[0].wait(), self._answer_ms // 2)
                    break
                except asyncio.TimeoutError:
                    packet[0] |= again
            if self.lost and waiting[1] is None:
                raise self.lost
            if waiting[1] is None:
                raise Lost(AGAIN, "no %s from the server" % what)
            return waiting[1]
        finally:
            self._waiting.pop(key, None)

    async def between_packets(self, call):
        """Call `call()` when no part of a packet is under way: half a packet would cost the connection."""
        async with self._lock:
            call()

    async def subscribe(self, filters):
        """Subscribe to `filters` (AWS accepts up to 8) and wait for the SUBACK."""
        packet_id = self._packets.next_id()
        packet = self._packets.subscribe_packet(filters, packet_id)
        granted = (await self._answered((packets.GRANTED, packet_id), packet, "SUBACK"))[2]
        for at, name in enumerate(filters):
            if at >= len(granted) or granted[at] & 0x80:
                raise Refused(AGAIN, "the server refused the subscription to " + name)

    async def publish(self, topic, payload, qos=1):
        """Publish; with QoS 1, return after the PUBACK, and send once more if it is late."""
        if not qos:
            await self._send(self._packets.publish_packet(topic, payload))
            return
        packet_id = self._packets.next_id()
        packet = self._packets.publish_packet(topic, payload, packet_id)
        await self._answered((packets.ACKNOWLEDGED, packet_id), packet, "PUBACK", _DUP)

    async def ping(self):
        """Ping the server; raises Failure without an answer."""
        await self._answered((packets.PONG, 0), self._packets.ping_packet(), "PINGRESP")

    def is_busy(self):
        """Whether an acknowledgement is awaited."""
        return bool(self._waiting)

    async def ended(self):
        """Wait until the connection has failed or was closed."""
        await self._ended.wait()

    async def close(self):
        """Disconnect and free the connection's memory (27 to 30 KB on a Pico W)."""
        if self._reader:
            self._reader.cancel()
        try:
            if self.lost is None:
                await self._send(self._packets.disconnect_packet())
        except (Failure, MemoryError):
            pass  # it is gone anyway
        finally:  # also when we are cancelled
            self._fail(_CLOSED)
            context, self._context = self._context, None
            self._stream.close()
            await self._stream.wait_closed()
            tls.free(context)
            board.hold_piece()
