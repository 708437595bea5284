"""Things, policies, templates, and what is attached to what."""

import json
from typing import NamedTuple

from muster.registry import documents
from muster.registry.database import Database


class Thing(NamedTuple):
    """One thing; attributes are strings, `created_s` is Unix seconds."""

    name: str
    type: str | None
    attributes: dict[str, str]
    groups: list[str]
    created_s: float


class Attachment(NamedTuple):
    """A thing as seen from one of its certificates."""

    name: str
    type: str | None
    attributes: dict[str, str]
    is_exclusive: bool


class Things:
    """The tables `things` and `thing_certificates`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, thing: Thing) -> None:
        """Create the thing, or replace what is known of it."""
        self._database.write(
            "INSERT INTO things (name, type, attributes, groups, created_s) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET type = excluded.type, attributes = excluded.attributes,"
            " groups = excluded.groups",
            thing.name, thing.type, json.dumps(thing.attributes), json.dumps(thing.groups), thing.created_s,
        )  # fmt: skip

    def get(self, name: str) -> Thing | None:
        """The thing of this name, or None."""
        row = self._database.row(
            "SELECT name, type, attributes, groups, created_s FROM things WHERE name = ?", name
        )
        return Thing(row[0], row[1], json.loads(row[2]), json.loads(row[3]), row[4]) if row else None

    def delete(self, name: str) -> bool:
        """Delete a thing and what is attached to it; its certificates stay. False when there is none."""
        return self._database.write("DELETE FROM things WHERE name = ?", name) > 0

    def names(self) -> list[str]:
        """The names of all things, sorted."""
        return [row[0] for row in self._database.rows("SELECT name FROM things ORDER BY name")]

    def attach(self, name: str, certificate_id: str, exclusive: bool = False) -> None:
        """Let the certificate act as this thing."""
        self._database.write(
            "INSERT INTO thing_certificates (thing, certificate_id, is_exclusive) VALUES (?, ?, ?)"
            " ON CONFLICT (thing, certificate_id) DO UPDATE SET is_exclusive = excluded.is_exclusive",
            name, certificate_id, int(exclusive),
        )  # fmt: skip

    def of_certificate(self, certificate_id: str) -> list[Attachment]:
        """The things that the certificate is attached to."""
        rows = self._database.rows(
            "SELECT name, type, attributes, is_exclusive FROM things JOIN thing_certificates ON thing = name"
            " WHERE certificate_id = ? ORDER BY name",
            certificate_id,
        )
        return [Attachment(row[0], row[1], json.loads(row[2]), bool(row[3])) for row in rows]

    def certificates_of(self, name: str) -> list[str]:
        """The ids of the certificates attached to the thing, oldest first."""
        rows = self._database.rows(
            "SELECT certificate_id FROM thing_certificates JOIN certificates USING (certificate_id)"
            " WHERE thing = ? ORDER BY created_s, certificates.rowid",
            name,
        )
        return [row[0] for row in rows]


class Policies:
    """The tables `policies` and `policy_certificates`; documents are JSON text."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, name: str, document: str) -> None:
        """Create the policy or replace its document; it counts from the next action on.

        Raises PolicyError when the document is not a policy.
        """
        documents.parse(document)
        self._database.write(
            "INSERT INTO policies (name, document) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET document = excluded.document",
            name, document,
        )  # fmt: skip

    def get(self, name: str) -> str | None:
        """The document of the policy, or None."""
        row = self._database.row("SELECT document FROM policies WHERE name = ?", name)
        return row[0] if row else None

    def attach(self, name: str, certificate_id: str) -> None:
        """Give the certificate this policy."""
        self._database.write(
            "INSERT INTO policy_certificates (policy, certificate_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
            name, certificate_id,
        )  # fmt: skip

    def detach(self, name: str, certificate_id: str) -> None:
        """Take the policy from the certificate."""
        self._database.write(
            "DELETE FROM policy_certificates WHERE policy = ? AND certificate_id = ?", name, certificate_id
        )

    def of_certificate(self, certificate_id: str) -> list[str]:
        """The documents of the policies that the certificate has."""
        rows = self._database.rows(
            "SELECT document FROM policies JOIN policy_certificates ON policy = name"
            " WHERE certificate_id = ?",
            certificate_id,
        )
        return [row[0] for row in rows]


class StoredTemplate(NamedTuple):
    """A provisioning template as stored: the body is JSON text."""

    name: str
    body: str
    is_enabled: int
    hook: str | None


class Templates:
    """The table `templates`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, name: str, body: str, hook: str | None = None, enabled: bool = True) -> None:
        """Create or replace a provisioning template."""
        self._database.write(
            "INSERT INTO templates (name, body, is_enabled, hook) VALUES (?, ?, ?, ?) ON CONFLICT (name)"
            " DO UPDATE SET body = excluded.body, is_enabled = excluded.is_enabled, hook = excluded.hook",
            name, body, int(enabled), hook,
        )  # fmt: skip

    def get(self, name: str) -> StoredTemplate | None:
        """The template of this name, or None."""
        row = self._database.row("SELECT name, body, is_enabled, hook FROM templates WHERE name = ?", name)
        return StoredTemplate(*row) if row else None

    def names(self) -> list[str]:
        """The names of all templates, sorted."""
        return [row[0] for row in self._database.rows("SELECT name FROM templates ORDER BY name")]
