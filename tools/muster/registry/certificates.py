"""Certificates with their states, and the ownership tokens of fleet provisioning."""

import hashlib
from typing import NamedTuple

from muster.registry.database import Database

PENDING_ACTIVATION = "PENDING_ACTIVATION"
ACTIVE = "ACTIVE"
INACTIVE = "INACTIVE"
REVOKED = "REVOKED"

_COLUMNS = "certificate_id, pem, status, is_claim, created_s, not_after_s"


class Certificate(NamedTuple):
    """One registered certificate; times in Unix seconds."""

    certificate_id: str
    pem: str
    status: str
    is_claim: int
    created_s: float
    not_after_s: float


class Token(NamedTuple):
    """What is known of one ownership token (never the token itself)."""

    certificate_id: str
    expires_s: float
    used_s: float | None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Certificates:
    """The tables `certificates` and `tokens`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        certificate_id: str,
        pem: str,
        status: str,
        created_s: float,
        not_after_s: float,
        is_claim: bool = False,
    ) -> None:
        """Register a certificate; registering it again changes nothing."""
        self._database.write(
            f"INSERT INTO certificates ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            certificate_id, pem, status, int(is_claim), created_s, not_after_s,
        )  # fmt: skip

    def get(self, certificate_id: str) -> Certificate | None:
        """The certificate with this id, or None."""
        row = self._database.row(
            f"SELECT {_COLUMNS} FROM certificates WHERE certificate_id = ?", certificate_id
        )
        return Certificate(*row) if row else None

    def all(self) -> list[Certificate]:
        """Every certificate, oldest first."""
        return [
            Certificate(*row)
            for row in self._database.rows(f"SELECT {_COLUMNS} FROM certificates ORDER BY created_s, rowid")
        ]

    def find(self, prefix: str) -> list[Certificate]:
        """The certificates whose id begins with `prefix` (people type the first digits)."""
        return [
            Certificate(*row)
            for row in self._database.rows(
                f"SELECT {_COLUMNS} FROM certificates WHERE substr(certificate_id, 1, ?) = ?",
                len(prefix),
                prefix.lower(),
            )  # fmt: skip
        ]

    def set_status(self, certificate_id: str, status: str) -> bool:
        """Change the state; False when there is no such certificate."""
        return bool(
            self._database.write(
                "UPDATE certificates SET status = ? WHERE certificate_id = ?", status, certificate_id
            )
        )

    def delete(self, certificate_id: str) -> bool:
        """Forget a certificate with its attachments and tokens; False when there is none."""
        return bool(self._database.write("DELETE FROM certificates WHERE certificate_id = ?", certificate_id))

    def add_token(self, token: str, certificate_id: str, expires_s: float) -> None:
        """Remember the digest of an ownership token."""
        self._database.write(
            "INSERT INTO tokens (token_sha256, certificate_id, expires_s) VALUES (?, ?, ?)",
            _digest(token), certificate_id, expires_s,
        )  # fmt: skip

    def token(self, token: str) -> Token | None:
        """What is known of `token`, or None."""
        row = self._database.row(
            "SELECT certificate_id, expires_s, used_s FROM tokens WHERE token_sha256 = ?", _digest(token)
        )
        return Token(*row) if row else None

    def use_token(self, token: str, now_s: float) -> None:
        """Mark `token` as used (the first use stays)."""
        self._database.write(
            "UPDATE tokens SET used_s = coalesce(used_s, ?) WHERE token_sha256 = ?", now_s, _digest(token)
        )

    def delete_unclaimed(self, now_s: float) -> int:
        """Delete every certificate whose token ran out before it was used, as AWS does; how many.

        Source: AWS IoT Developer Guide, "Device provisioning MQTT API".
        """
        run_out = (
            "FROM certificates WHERE status = ? AND is_claim = 0"
            " AND EXISTS (SELECT 1 FROM tokens t WHERE t.certificate_id = certificates.certificate_id"
            " AND t.used_s IS NULL AND t.expires_s <= ?)"
        )
        # Looked for first: reading waits for nobody, deleting nothing would wait for every other writer.
        if self._database.row(f"SELECT 1 {run_out} LIMIT 1", PENDING_ACTIVATION, now_s) is None:
            return 0
        return self._database.write(f"DELETE {run_out}", PENDING_ACTIVATION, now_s)
