"""One device as AWS's own SDK plays it: the same calls against the twin and against a plain broker."""

import json
import threading
from dataclasses import dataclass

from awscrt import mqtt
from awsiot import mqtt_connection_builder

from device.core import fields, topics

WAIT_S = 60
QOS = mqtt.QoS.AT_LEAST_ONCE


@dataclass(frozen=True)
class Credentials:
    """PEM."""

    certificate: bytes
    key: bytes


class Client:
    """One connection."""

    def __init__(self, port: int, ca: bytes, client_id: str, own: Credentials) -> None:
        self._came = threading.Event()
        self._answer: tuple[str, bytes] = ("", b"")
        self._connection = mqtt_connection_builder.mtls_from_bytes(
            own.certificate,
            own.key,
            endpoint="localhost",
            port=port,
            ca_bytes=ca,
            client_id=client_id,
            clean_session=True,
            keep_alive_secs=44,
        )
        self._connection.connect().result(WAIT_S)

    def subscribe(self, filters: list[str]) -> None:
        """One SUBSCRIBE each, as the SDK does."""
        for future in [self._connection.subscribe(name, QOS, self._take)[0] for name in filters]:
            future.result(WAIT_S)

    def _take(self, topic: str, payload: bytes, **_: object) -> None:
        self._answer = (topic, payload)
        self._came.set()

    def publish(self, topic: str, payload: bytes) -> None:
        """Return after the PUBACK."""
        self._connection.publish(topic, payload, QOS)[0].result(WAIT_S)

    def exchange(self, topic: str, payload: bytes) -> tuple[str, bytes]:
        """Publish, and return the message that comes. Raises RuntimeError when none does."""
        self._came.clear()
        self.publish(topic, payload)
        if not self._came.wait(WAIT_S):
            raise RuntimeError(f"no answer on {topic}")
        return self._answer

    def ask(self, topic: str, payload: bytes) -> bytes:
        """The answer to a request. Raises RuntimeError when it is a refusal."""
        answer_topic, answer = self.exchange(topic, payload)
        if topics.request_of(answer_topic)[1] is not True:
            raise RuntimeError(f"refused on {answer_topic}")
        return answer

    def close(self) -> None:
        """DISCONNECT."""
        self._connection.disconnect().result(WAIT_S)


def answers_of(*requests: str) -> list[str]:
    """The four filters of a provisioning."""
    return [end(request) for request in requests for end in (topics.accepted, topics.rejected)]


def provision(
    port: int, ca: bytes, claim: Credentials, serial: str, own: tuple[bytes, bytes] | None
) -> Credentials:
    """A full provisioning and its boot status.

    `own`: (key, signing request) of a device that has made its key, None for a key from the cloud.
    """
    create = topics.CREATE_FROM_CSR if own else topics.CREATE_KEYS
    register = topics.register(topics.DEFAULT_TEMPLATE)
    client = Client(port, ca, serial, claim)
    client.subscribe(answers_of(create, register))
    request = json.dumps({fields.SIGNING_REQUEST: own[1].decode()}).encode() if own else b"{}"
    created = json.loads(client.ask(create, request))
    wanted = {
        fields.OWNERSHIP_TOKEN: created[fields.OWNERSHIP_TOKEN],
        fields.PARAMETERS: {fields.PARAMETER_SERIAL: serial},
    }
    client.ask(register, json.dumps(wanted).encode())
    client.close()
    key = own[0] if own else created[fields.PRIVATE_KEY].encode()
    device = Credentials(created[fields.CERTIFICATE_PEM].encode(), key)
    _boot(port, ca, serial, device)
    return device


def same_without_logic(
    port: int, ca: bytes, claim: Credentials, serial: str, device: Credentials, payload: bytes
) -> None:
    """The same connections and packets at a plain broker: what is asked comes back by itself."""
    requests = [f"bench/{serial}/{name}" for name in ("create", "register")]
    client = Client(port, ca, serial, claim)
    client.subscribe(answers_of(*requests))
    for request in requests:
        client.exchange(topics.accepted(request), payload)
    client.close()
    _boot(port, ca, serial, device)


def _boot(port: int, ca: bytes, serial: str, device: Credentials) -> None:
    client = Client(port, ca, serial, device)
    client.publish(topics.booted(topics.DEFAULT_PREFIX, serial), b'{"bootStatus": true}')
    client.close()
