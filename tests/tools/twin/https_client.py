"""A client of the twin's HTTPS side: http.client over real TLS, nothing of the twin's own."""

import http.client
import json
import ssl
from pathlib import Path
from typing import NamedTuple

from device.core import fields, topics
from tools.twin.helpers import ANSWERS, REGISTER, new_csr, registration
from tools.twin.raw import Raw

TOKEN = "token-of-a-product-for-tests"
KEY = "00112233445566778899aabbccddeeff"
OTHER_KEY = "ff" * 16
CODE = "7423FFA8DT"
OTHER_CODE = "0000000000"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict:
        return json.loads(self.body)


def context(twin, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(twin.ca_pem_path))
    if certificate is not None:
        made.load_cert_chain(certificate, key)
    return made


class Board:
    """What a board says to the builder. `key` is its registration key."""

    def __init__(self, twin, claim: str = CODE, key: str = KEY, token: str = TOKEN) -> None:
        self.twin, self.claim, self.key, self.token = twin, claim, key, token

    def ask(self, what: str, document: object = None, **headers: str) -> Answer:
        body = {"claim": self.claim, "registrationKey": self.key} if document is None else document
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return request(
            self.twin,
            "POST",
            f"/api/device/{what}",
            data,
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **headers},
        )

    def register(self) -> Answer:
        return self.ask("register", {"claim": self.claim, "product": "x", "registrationKey": self.key})

    def poll(self) -> dict:
        answer = self.ask("claim")
        assert answer.status == 200, answer
        return answer.document


def request(
    twin, method: str, path: str, body: bytes | None = None, headers: dict | None = None, tls=None
) -> Answer:
    connection = http.client.HTTPSConnection(
        "localhost", twin.https_port, context=tls or context(twin), timeout=20
    )
    try:
        connection.request(method, path, body, headers or {})
        found = connection.getresponse()
        return Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, found.read())
    finally:
        connection.close()


def provision(twin, answer: dict, folder, serial: str) -> tuple[bool, dict, Raw]:
    """Register the thing `serial` with the temporary certificate; (accepted, answer, device's connection)."""
    certificate, key = folder / "claim.crt", folder / "claim.key"
    certificate.write_text(answer["certificatePem"])
    key.write_text(answer["privateKey"])
    with Raw(twin, certificate, key).connect(serial) as raw:
        assert raw.subscribe(*ANSWERS) == b"\1" * len(ANSWERS)
        csr = {fields.SIGNING_REQUEST: new_csr(folder / "own.key")}
        accepted, created = raw.request(topics.CREATE_FROM_CSR, csr)
        assert accepted, created
        accepted, registered = raw.request(REGISTER, registration(created, serial))
    (folder / "own.crt").write_text(created[fields.CERTIFICATE_PEM])
    return accepted, registered, Raw(twin, folder / "own.crt", folder / "own.key")
