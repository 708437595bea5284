"""MQTT 3.1.1 by hand over a TLS socket: to send what no library would, and to see every byte that comes."""

import json
import socket
import ssl
import struct
from pathlib import Path

CONNACK, PUBLISH, PUBACK, SUBACK, UNSUBACK, PINGRESP = 0x20, 0x30, 0x40, 0x90, 0xB0, 0xD0


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(data)) + data


def packet(first: int, body: bytes) -> bytes:
    length, head = len(body), bytes([first])
    while True:
        length, low = length >> 7, length & 0x7F
        head += bytes([low | (0x80 if length else 0)])
        if not length:
            return head + body


def connect_packet(
    client_id: str, clean: bool = True, keep_alive_s: int = 60, will: tuple | None = None, level: int = 4
) -> bytes:
    """`will`: (topic, payload, qos, retain)."""
    flags, payload = 0x02 if clean else 0, text(client_id)
    if will:
        flags |= 0x04 | will[2] << 3 | (0x20 if will[3] else 0)
        payload += text(will[0]) + text(will[1])
    return packet(0x10, text("MQTT") + bytes([level, flags]) + struct.pack("!H", keep_alive_s) + payload)


def subscribe_packet(filters: list, packet_id: int = 1) -> bytes:
    body = b"".join(text(name) + bytes([qos]) for name, qos in filters)
    return packet(0x82, struct.pack("!H", packet_id) + body)


def publish_packet(
    topic: str,
    payload: bytes = b"",
    qos: int = 0,
    packet_id: int = 1,
    retain: bool = False,
    dup: bool = False,
) -> bytes:
    first = PUBLISH | qos << 1 | (1 if retain else 0) | (8 if dup else 0)
    return packet(first, text(topic) + (struct.pack("!H", packet_id) if qos else b"") + payload)


class Closed(Exception):
    """The peer closed the connection."""


class Raw:
    """One TLS connection; every read waits at most `timeout_s`."""

    def __init__(
        self,
        twin,
        certificate: Path | None = None,
        key: Path | None = None,
        server_hostname: str | None = "localhost",
        version: ssl.TLSVersion | None = None,
        timeout_s: float = 10,
    ) -> None:
        context = ssl.create_default_context(cafile=str(twin.ca_pem_path))
        if version:
            context.minimum_version = context.maximum_version = version
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        if server_hostname is None:
            context.check_hostname = False
        plain = socket.create_connection(("127.0.0.1", twin.port), timeout=timeout_s)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname=server_hostname)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                more = self.socket.recv(count - len(data))
            except TimeoutError:
                raise
            except OSError as error:
                raise Closed from error
            if not more:
                raise Closed
            data += more
        return data

    def read(self) -> tuple[int, bytes]:
        """(first byte, body) of the next packet. Raises Closed, or TimeoutError."""
        first = self._exactly(1)[0]
        length = shift = 0
        while True:
            byte = self._exactly(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return first, self._exactly(length)

    def is_closed(self) -> bool:
        """True when the peer closes without another packet. Raises TimeoutError when it does neither."""
        try:
            found = self.read()
        except Closed:
            return True
        raise AssertionError(f"a packet came: {found[0]:#x} {found[1][:80]!r}")

    def is_alive(self) -> bool:
        """True when a PINGREQ is answered, and nothing else came before."""
        self.send(b"\xc0\x00")
        return self.read() == (PINGRESP, b"")

    def connect(self, client_id: str, **more) -> "Raw":
        self.send(connect_packet(client_id, **more))
        first, body = self.read()
        assert (first, body[1]) == (CONNACK, 0), (first, body)
        self.session_present = body[0]
        return self

    def subscribe(self, *names: str, qos: int = 1, packet_id: int = 1) -> bytes:
        """The return codes of the SUBACK."""
        self.send(subscribe_packet([(name, qos) for name in names], packet_id))
        first, body = self.read()
        assert first == SUBACK and body[:2] == struct.pack("!H", packet_id), (first, body)
        return body[2:]

    def publish(self, topic: str, payload: bytes = b"", **more) -> None:
        """Publish; at QoS 1 wait for the PUBACK."""
        self.send(publish_packet(topic, payload, **more))
        if more.get("qos"):
            first, body = self.read()
            assert first == PUBACK and body == struct.pack("!H", more.get("packet_id", 1)), (first, body)

    def message(self, acknowledge: bool = True) -> tuple[str, bytes]:
        """(topic, payload) of the next packet, which must be a PUBLISH."""
        first, body = self.read()
        assert first & 0xF0 == PUBLISH, (first, body)
        self.first = first
        length = struct.unpack("!H", body[:2])[0]
        topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
        if first & 0x06:
            if acknowledge:
                self.send(packet(PUBACK, rest[:2]))
            rest = rest[2:]
        return topic, rest

    def request(self, topic: str, document: dict | None = None, qos: int = 1) -> tuple[bool, dict]:
        """Ask a provisioning operation (subscribed before); (accepted?, answer)."""
        self.publish(topic, b"" if document is None else json.dumps(document).encode(), qos=qos)
        answer_topic, payload = self.message()
        assert answer_topic in (topic + "/accepted", topic + "/rejected"), answer_topic
        return answer_topic.endswith("/accepted"), json.loads(payload)

    def disconnect(self) -> None:
        self.send(b"\xe0\x00")
        self.close()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
