"""Certificates with their states, and the ownership tokens of fleet provisioning."""

import hashlib
from typing import NamedTuple

from muster.registry.database import Database

PENDING_ACTIVATION = "PENDING_ACTIVATION"
ACTIVE = "ACTIVE"
INACTIVE = "INACTIVE"
REVOKED = "REVOKED"
EXPIRED = "EXPIRED"  # never stored: what an ACTIVE one is after its end

_ADDED = "certificate_id, pem, status, is_claim, created_s, not_after_s"
_COLUMNS = _ADDED + ", connected_s, renews"


class Certificate(NamedTuple):
    """One registered certificate; times in Unix seconds.

    `connected_s`: when it was first used, None: never; `renews`: the id of the one that it is to replace.
    """

    certificate_id: str
    pem: str
    status: str
    is_claim: int
    created_s: float
    not_after_s: float
    connected_s: float | None = None
    renews: str | None = None

    def state(self, now_s: float) -> str:
        """Its status at `now_s` (Unix seconds), EXPIRED for an ACTIVE one whose time is over."""
        return EXPIRED if self.status == ACTIVE and now_s >= self.not_after_s else self.status


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
            f"INSERT INTO certificates ({_ADDED}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
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

    def set_connected(self, certificate_id: str, now_s: float) -> bool:
        """Remember the first connection; False when there was one before."""
        sql = "UPDATE certificates SET connected_s = ? WHERE certificate_id = ? AND connected_s IS NULL"
        return self._database.write(sql, now_s, certificate_id) > 0

    def set_renews(self, certificate_id: str, old: str) -> None:
        """Remember that `certificate_id` is to replace `old`."""
        sql = "UPDATE certificates SET renews = ? WHERE certificate_id = ?"
        self._database.write(sql, old, certificate_id)

    def of_thing(self, name: str) -> list[Certificate]:
        """The certificates attached to the thing, oldest first."""
        sql = (
            f"SELECT {_COLUMNS} FROM certificates JOIN thing_certificates USING (certificate_id)"
            " WHERE thing = ? ORDER BY created_s, certificates.rowid"
        )
        return [Certificate(*row) for row in self._database.rows(sql, name)]

    def newest_of_thing(self, name: str, limit: int) -> list[Certificate]:
        """The certificates attached to the thing, ACTIVE ones first, then the newest; at most `limit`."""
        sql = (
            f"SELECT {_COLUMNS} FROM certificates JOIN thing_certificates USING (certificate_id)"
            " WHERE thing = ? ORDER BY status = ? DESC, created_s DESC, certificates.rowid DESC LIMIT ?"
        )
        return [Certificate(*row) for row in self._database.rows(sql, name, ACTIVE, limit)]

    def revoke_of_thing(self, name: str, keep: str = "", only_unused: bool = False) -> list[str]:
        """Revoke the certificates attached to the thing, except `keep`; the ids of those that were not yet.

        `only_unused`: only those that never connected.
        """
        doomed = [
            certificate.certificate_id
            for certificate in self.of_thing(name)
            if certificate.status != REVOKED
            and certificate.certificate_id != keep
            and not (only_unused and certificate.connected_s is not None)
        ]
        for certificate_id in doomed:
            self.set_status(certificate_id, REVOKED)
        return doomed

    def delete(self, certificate_id: str) -> bool:
        """Delete a certificate with its attachments and tokens; False when there is none."""
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
            "FROM certificates WHERE status = ? AND is_claim = 0 AND certificate_id IN"
            " (SELECT certificate_id FROM tokens WHERE used_s IS NULL AND expires_s <= ?)"
        )
        # Looked for first: reading waits for nobody, deleting nothing would wait for every other writer.
        if self._database.row(f"SELECT 1 {run_out} LIMIT 1", PENDING_ACTIVATION, now_s) is None:
            return 0
        return self._database.write(f"DELETE {run_out}", PENDING_ACTIVATION, now_s)
