"""Boards that registered themselves by their claim IDs, and the people who own them."""

from typing import NamedTuple

from muster.registry.certificates import ACTIVE, REVOKED
from muster.registry.database import Database

_COLUMNS = (
    "claim_id, product, key_sha256, is_open, registered_s, owner, claimed_s, released_s, polled_s, thing"
)


class Claim(NamedTuple):
    """One board; times are Unix seconds. `is_open`: it may register with another key, if it has lost its own.

    `thing` is what it provisioned itself as since it was claimed. Without an owner, the thing's certificates
    are still to be revoked.
    """

    claim_id: str
    product: str
    key_sha256: str
    is_open: int
    registered_s: float
    owner: str | None = None
    claimed_s: float | None = None
    released_s: float | None = None
    polled_s: float | None = None
    thing: str | None = None


class Claims:
    """The tables `claims` and `claim_certificates`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, claim_id: str) -> Claim | None:
        """The board with this claim ID, or None."""
        return self._one("claim_id = ?", claim_id)

    def of_thing(self, thing: str) -> Claim | None:
        """The board that is this thing, or None."""
        return self._one("thing = ?", thing)

    def of_certificate(self, certificate_id: str) -> Claim | None:
        """The board that this temporary certificate was given to, or None."""
        where = "claim_id = (SELECT claim_id FROM claim_certificates WHERE certificate_id = ?)"
        return self._one(where, certificate_id)

    def _one(self, where: str, value: str) -> Claim | None:
        row = self._database.row(f"SELECT {_COLUMNS} FROM claims WHERE {where}", value)
        return Claim(*row) if row else None

    def owned_by(self, owner: str) -> list[Claim]:
        """The boards of an account, the newest first."""
        sql = f"SELECT {_COLUMNS} FROM claims WHERE owner = ? ORDER BY claimed_s DESC, claim_id"
        return [Claim(*row) for row in self._database.rows(sql, owner)]

    def register(self, claim_id: str, product: str, key_sha256: str, now_s: float) -> bool:
        """A board says that it exists; False when the claim ID is registered with another key."""
        sql = (
            "INSERT INTO claims (claim_id, product, key_sha256, registered_s) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (claim_id) DO UPDATE SET product = excluded.product,"
            " key_sha256 = excluded.key_sha256, is_open = 0,"
            " registered_s = CASE WHEN is_open THEN excluded.registered_s ELSE registered_s END"
            " WHERE is_open OR key_sha256 = excluded.key_sha256"
        )
        return self._database.write(sql, claim_id, product, key_sha256, now_s) > 0

    def set_polled(self, claim_id: str, now_s: float) -> None:
        """The board has asked, so it has its key."""
        sql = "UPDATE claims SET polled_s = ?, is_open = 0 WHERE claim_id = ?"
        self._database.write(sql, now_s, claim_id)

    def set_owner(self, claim_id: str, owner: str, now_s: float) -> bool:
        """Give a board that nobody owns to `owner`; False when it has one, or there is no such board."""
        sql = "UPDATE claims SET owner = ?, claimed_s = ?, is_open = 0 WHERE claim_id = ? AND owner IS NULL"
        return self._database.write(sql, owner, now_s, claim_id) > 0

    def leaving(self) -> list[Claim]:
        """The boards that nobody owns any more, but whose certificates are not revoked yet."""
        sql = f"SELECT {_COLUMNS} FROM claims WHERE owner IS NULL AND thing IS NOT NULL"
        return [Claim(*row) for row in self._database.rows(sql)]

    def set_thing(self, claim_id: str, thing: str | None) -> None:
        """The board has registered as this thing, or is none any more."""
        self._database.write("UPDATE claims SET thing = ? WHERE claim_id = ?", thing, claim_id)

    def release(self, claim_id: str, now_s: float, is_open: bool) -> None:
        """Forget the owner."""
        self._database.write(
            "UPDATE claims SET owner = NULL, claimed_s = NULL, released_s = ?, is_open = ?"
            " WHERE claim_id = ?",
            now_s, int(is_open), claim_id,
        )  # fmt: skip

    def add_certificate(self, claim_id: str, certificate_id: str) -> None:
        """Remember a temporary certificate, which is registered already."""
        sql = "INSERT INTO claim_certificates (certificate_id, claim_id) VALUES (?, ?)"
        self._database.write(sql, certificate_id, claim_id)

    def end_certificates(self, claim_id: str, now_s: float) -> int:
        """Revoke the temporary certificates of a board, delete those past their end; how many ended."""
        mine = "certificate_id IN (SELECT certificate_id FROM claim_certificates WHERE claim_id = ?)"
        self._database.write(f"DELETE FROM certificates WHERE not_after_s <= ? AND {mine}", now_s, claim_id)
        return self._database.write(
            f"UPDATE certificates SET status = ? WHERE status = ? AND {mine}", REVOKED, ACTIVE, claim_id
        )
