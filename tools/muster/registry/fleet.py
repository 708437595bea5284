"""Groups and devices, and the history of each device."""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from muster.registry.database import Database

CREATED = "created"  # known here, has no certificate yet
PROVISIONED = "provisioned"
RETIRED = "retired"  # admitted no more, its certificates are revoked

_GROUP = "name, secret, created_s, refreshed_s"
_DEVICE = "name, group_name, claim_id, state, parameters, created_s, batch"


class Group(NamedTuple):
    """A group. `secret` is encrypted (muster.enrolment.secrets.Vault); times are Unix seconds."""

    name: str
    secret: bytes
    created_s: float
    refreshed_s: float


class Device(NamedTuple):
    """A device. `parameters` go to RegisterThing; `batch` is the batch that it was created in, or None."""

    name: str
    group: str
    claim_id: str
    state: str
    parameters: dict[str, str]
    created_s: float
    batch: str | None = None


class Event(NamedTuple):
    """Something that happened to a device, at `at_s` (Unix seconds)."""

    at_s: float
    event: str
    detail: str


class Groups:
    """The table `groups`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, group: Group) -> bool:
        """Add a group; False when there is one of that name (which stays as it is)."""
        sql = f"INSERT INTO groups ({_GROUP}) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        with self._database.transaction():
            self._database.write(
                "INSERT INTO guarded SELECT ? WHERE NOT EXISTS (SELECT 1 FROM guarded)", group.created_s
            )
            return self._database.write(sql, *group) > 0

    def get(self, name: str) -> Group | None:
        """The group of this name, or None."""
        row = self._database.row(f"SELECT {_GROUP} FROM groups WHERE name = ?", name)
        return Group(*row) if row else None

    def were_made(self) -> bool:
        """Whether there is or was any group: deleting the last one opens no door."""
        return self._database.row("SELECT 1 FROM guarded LIMIT 1") is not None

    def all(self) -> list[tuple[Group, int]]:
        """Every group with the number of its devices, by name."""
        columns = ", ".join(f"groups.{column}" for column in _GROUP.split(", "))
        rows = self._database.rows(
            f"SELECT {columns}, COUNT(devices.name) FROM groups LEFT JOIN devices ON group_name = groups.name"
            " GROUP BY groups.name ORDER BY groups.name"
        )
        return [(Group(*row[:-1]), row[-1]) for row in rows]

    def set_secret(self, name: str, secret: bytes, now_s: float) -> bool:
        """Replace the encrypted secret; False when there is no such group."""
        sql = "UPDATE groups SET secret = ?, refreshed_s = ? WHERE name = ?"
        return self._database.write(sql, secret, now_s, name) > 0

    def delete(self, name: str) -> bool:
        """Delete a group and its devices; False when there is none."""
        return self._database.write("DELETE FROM groups WHERE name = ?", name) > 0


class Devices:
    """The tables `devices` and `history`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, devices: Iterable[Device]) -> int:
        """Add devices, passing over names that exist; how many were added. One short transaction."""
        sql = f"INSERT INTO devices ({_DEVICE}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING"
        added = 0
        with self._database.transaction():
            for device in devices:
                values = device._replace(parameters=json.dumps(device.parameters, sort_keys=True))  # type: ignore[arg-type]
                added += self._database.write(sql, *values)
        return added

    def get(self, name: str) -> Device | None:
        """The device of this name, or None."""
        return self._one("name = ?", name)

    def of_claim_id(self, claim_id: str) -> Device | None:
        """The device with this claim ID (as stored: no groups, upper case), or None."""
        return self._one("claim_id = ?", claim_id)

    def _one(self, where: str, value: str) -> Device | None:
        row = self._database.row(f"SELECT {_DEVICE} FROM devices WHERE {where}", value)
        return _device(row) if row else None

    def all(self, group: str | None = None, batch: str | None = None) -> list[Device]:
        """Every device, of one group or one batch if given, in the order they were added."""
        rows = self._database.rows(
            f"SELECT {_DEVICE} FROM devices WHERE (?1 IS NULL OR group_name = ?1)"
            " AND (?2 IS NULL OR batch = ?2) ORDER BY rowid",
            group,
            batch,
        )
        return [_device(row) for row in rows]

    def names(self) -> set[str]:
        """The names of all devices."""
        return {row[0] for row in self._database.rows("SELECT name FROM devices")}

    def claim_ids(self) -> list[str]:
        """The claim IDs of all devices."""
        return [row[0] for row in self._database.rows("SELECT claim_id FROM devices")]

    def claim_ids_near(self, code: str) -> list[str]:
        """The claim IDs that share one of three blocks with `code`: all that differ in up to two places."""
        sql = (
            "SELECT claim_id FROM devices WHERE substr(claim_id, 1, 3) = ?1"
            " UNION SELECT claim_id FROM devices WHERE substr(claim_id, 4, 3) = ?2"
            " UNION SELECT claim_id FROM devices WHERE substr(claim_id, 7) = ?3"
        )
        return [row[0] for row in self._database.rows(sql, code[:3], code[3:6], code[6:])]

    def set_state(self, name: str, state: str) -> bool:
        """Set the state of a device; False when there is none."""
        return self._database.write("UPDATE devices SET state = ? WHERE name = ?", state, name) > 0

    def move(self, name: str, group: str) -> bool:
        """Put a device into another group; its enrolment key changes with that."""
        return self._database.write("UPDATE devices SET group_name = ? WHERE name = ?", group, name) > 0

    def set_parameters(self, name: str, parameters: Mapping[str, str]) -> bool:
        """Replace the template parameters of a device."""
        text = json.dumps(dict(parameters), sort_keys=True)
        return self._database.write("UPDATE devices SET parameters = ? WHERE name = ?", text, name) > 0

    def delete(self, name: str) -> bool:
        """Delete a device with its history; False when there is none."""
        return self._database.write("DELETE FROM devices WHERE name = ?", name) > 0

    def note(self, name: str, event: str, detail: str, now_s: float) -> None:
        """Add to the history of a device. `detail` holds no secret."""
        self._database.write(
            "INSERT INTO history (device, at_s, event, detail) VALUES (?, ?, ?, ?)",
            *(name, now_s, event, detail),
        )

    def history(self, name: str) -> list[Event]:
        """What happened to a device, oldest first."""
        rows = self._database.rows(
            "SELECT at_s, event, detail FROM history WHERE device = ? ORDER BY rowid", name
        )
        return [Event(*row) for row in rows]

    def last_events(self, name: str, limit: int) -> list[Event]:
        """What happened to a device last, newest first; at most `limit`."""
        sql = "SELECT at_s, event, detail FROM history WHERE device = ? ORDER BY rowid DESC LIMIT ?"
        return [Event(*row) for row in self._database.rows(sql, name, limit)]


def _device(row: tuple) -> Device:
    name, group, claim_id, state, parameters, created_s, batch = row
    return Device(name, group, claim_id, state, json.loads(parameters), created_s, batch)
