"""Who uses the builder: products by their tokens, and people by their accounts."""

import hashlib
from typing import NamedTuple

from muster.registry.database import Database


class Products:
    """The table `products`: each has a token, which its boards carry in device.json."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, token: str, now_s: float) -> bool:
        """Add a product, of whose token only the digest is kept; False when there is one of that name."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        sql = "INSERT INTO products (name, token_sha256, created_s) VALUES (?, ?, ?)"
        return self._database.write(f"{sql} ON CONFLICT (name) DO NOTHING", name, digest, now_s) > 0

    def of_token(self, token: str) -> str | None:
        """The name of the product with this token, or None.

        Looked up by its digest, so the time that it takes says nothing about the token.
        """
        digest = hashlib.sha256(token.encode(errors="replace")).hexdigest()
        row = self._database.row("SELECT name FROM products WHERE token_sha256 = ?", digest)
        return row[0] if row else None

    def names(self) -> list[str]:
        """The names of all products, sorted."""
        return [row[0] for row in self._database.rows("SELECT name FROM products ORDER BY name")]


class Account(NamedTuple):
    """A person who claims boards; `password` is its hash. An operator sees everybody's."""

    name: str
    password: str
    created_s: float
    is_operator: int = 0


class Accounts:
    """The table `accounts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, password: str, now_s: float, is_operator: bool = False) -> bool:
        """Add an account with the hash of its password; False when there is one of that name."""
        sql = (
            "INSERT INTO accounts (name, password, created_s, is_operator) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (name) DO NOTHING"
        )
        return self._database.write(sql, name, password, now_s, int(is_operator)) > 0

    def set_password(self, name: str, password: str) -> bool:
        """Replace the hash of the password; False when there is no such account."""
        return self._database.write("UPDATE accounts SET password = ? WHERE name = ?", password, name) > 0

    def set_operator(self, name: str, is_operator: bool) -> bool:
        """Make an account an operator's, or an ordinary one; False when there is no such account."""
        sql = "UPDATE accounts SET is_operator = ? WHERE name = ?"
        return self._database.write(sql, int(is_operator), name) > 0

    def get(self, name: str) -> Account | None:
        """The account of this name, or None."""
        sql = "SELECT name, password, created_s, is_operator FROM accounts WHERE name = ?"
        row = self._database.row(sql, name)
        return Account(*row) if row else None

    def names(self) -> list[str]:
        """The names of all accounts, sorted."""
        return [row[0] for row in self._database.rows("SELECT name FROM accounts ORDER BY name")]
