"""MQTT 3.1.1 packets: umqtt.simple builds and parses them in memory, without a network.

umqtt.simple blocks, loses its time-outs and waits for the wrong acknowledgement. With a socket that is only
memory it can do none of this, and its encoding is right. Three things are done here because it cannot:
several filters in one SUBSCRIBE, packet identifiers that wrap, and the acknowledgements.
Works with umqtt.simple 1.3.4 (PyPI) to 1.8.0, frozen or not.
"""

import struct

import umqtt.simple

from device.core.failures import AGAIN, Failure

CONNECTED = 0x20  # (CONNECTED, return code)
MESSAGE = 0x30  # (MESSAGE, topic, payload, acknowledgement to send or b"")
ACKNOWLEDGED = 0x40  # (ACKNOWLEDGED, packet id)
GRANTED = 0x90  # (GRANTED, packet id, return codes)
PONG = 0xD0  # (PONG,)

_MAX_ID = 65535


class _Memory:
    """Replaces a socket, and the module `socket`, for umqtt.simple."""

    def __init__(self, content=b""):
        self.written = bytearray()
        self._content = memoryview(content)
        self._at = 0

    def socket(self, *_):
        return self

    def getaddrinfo(self, *_):
        return ((0, 0, 0, "", None),)

    def connect(self, _):
        pass

    def settimeout(self, _):
        pass

    def setblocking(self, _):
        pass

    def close(self):
        pass

    def write(self, data, size=None):
        self.written += data if size is None else memoryview(data)[:size]

    def read(self, size):
        end = self._at + size
        if size < 0 or end > len(self._content):
            raise ValueError("short packet")
        part = bytes(self._content[self._at : end])
        self._at = end
        return part


class Packets(umqtt.simple.MQTTClient):
    """Builds and parses the packets of one connection."""

    def __init__(self, client_id, keep_alive_s):
        super().__init__(client_id.encode(), "", keepalive=keep_alive_s)
        self._message = None
        self.set_callback(self._keep)

    def _keep(self, topic, payload):
        self._message = (topic, payload)

    def next_id(self):
        """A packet identifier, 1 to 65535, then again from 1."""
        self.pid = self.pid % _MAX_ID + 1
        return self.pid

    def connect_packet(self):
        """CONNECT with a clean session."""
        memory = _Memory(b"\x20\x02\x00\x00")  # umqtt reads the answer at once; the real one comes later
        real = umqtt.simple.socket
        umqtt.simple.socket = memory
        try:
            self.connect(True)
        finally:
            umqtt.simple.socket = real
            self.sock = None
        return memory.written

    def _written(self, call, *arguments):
        """What umqtt writes in `call`. The socket is dropped, because it would keep kilobytes in memory."""
        memory = self.sock = _Memory()
        call(*arguments)
        self.sock = None
        return memory.written

    def publish_packet(self, topic, payload, packet_id=0):
        """PUBLISH: QoS 1 with a packet id, otherwise QoS 0."""
        if packet_id:
            # On the wire the identifier directly precedes the payload. umqtt would wait for the PUBACK.
            payload = struct.pack("!H", packet_id) + payload
        packet = self._written(self.publish, topic.encode(), payload)
        if packet_id:
            packet[0] |= 0x02
        return packet

    def subscribe_packet(self, filters, packet_id):
        """SUBSCRIBE to all `filters` with QoS 1, in one packet."""
        body = bytearray(struct.pack("!H", packet_id))
        for name in filters:
            data = name.encode()
            body += struct.pack("!H", len(data)) + data + b"\x01"
        size = len(body)
        head = bytearray(b"\x82")
        while size > 0x7F:
            head.append(size & 0x7F | 0x80)
            size >>= 7
        head.append(size)
        return head + body

    def ping_packet(self):
        """PINGREQ."""
        return self._written(self.ping)

    def disconnect_packet(self):
        """DISCONNECT."""
        return self._written(self.disconnect)

    def parse(self, frame):
        """One packet from the server as a tuple (see the constants), or None when it is of no use.

        Raises Failure when the packet breaks the protocol.
        """
        kind = frame[0] & 0xF0
        try:
            if kind == MESSAGE:
                if frame[0] & 0x04:
                    raise ValueError("QoS 2 or 3")  # umqtt only asserts this for 2, and -O1 removes asserts
                memory = self.sock = _Memory(frame)
                self.wait_msg()
                topic, payload = self._message
                self._message = self.sock = None  # the frame may have 4 KB
                return MESSAGE, topic.decode(), payload, memory.written
            if kind == CONNECTED:
                return CONNECTED, frame[3]
            if kind == ACKNOWLEDGED:
                return ACKNOWLEDGED, frame[2] << 8 | frame[3]
            if kind == GRANTED:
                return GRANTED, frame[2] << 8 | frame[3], frame[4:]
            if kind == PONG:
                return (PONG,)
        except (ValueError, IndexError, TypeError, AssertionError):
            raise Failure(AGAIN, "the server sent an invalid packet of type 0x%02x" % frame[0])
        return None


def origin():
    """Where umqtt.simple was loaded from: a file path, or "frozen" when it is part of the firmware."""
    path = getattr(umqtt.simple, "__file__", "")
    return path if path.startswith("/") else "frozen " + path
