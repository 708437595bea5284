"""All devices of a registry a page at a time, whichever table knows them: a fleet may have a million.

Each query reads at most as many rows as it answers, by an index.
"""

from typing import NamedTuple

from muster.registry.database import Database

_LAST = "\U0010ffff"  # after whatever follows a beginning
_NEXT = "\0"  # the next name of all
# Whoever is a thing, or a device of the fleet.
_SOURCES = (
    "SELECT name FROM things WHERE name >= ?1 AND name < ?2 ORDER BY name LIMIT ?3",
    "SELECT name FROM devices WHERE name >= ?1 AND name < ?2 ORDER BY name LIMIT ?3",
)
# Boards that have registered, and are no thing yet; and whether they are a device of the fleet. By itself
# SQLite takes the index of things, and sorts all boards without one.
_BOARDS = (
    "SELECT claim_id, EXISTS (SELECT 1 FROM devices WHERE devices.claim_id = claims.claim_id)"
    " FROM claims INDEXED BY claims_without_thing WHERE thing IS NULL"
    " AND claim_id >= ?1 AND claim_id < ?2 ORDER BY claim_id LIMIT ?3"
)


class Listed(NamedTuple):
    """Names of things and devices, and claim IDs of boards without one; `rest`: what the next page is after.

    A page can be shorter than what was asked for, and have a rest all the same.
    """

    names: list[str]
    rest: str | None


class Overview:
    """What the tables `things`, `devices` and `claims` know together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, limit: int, after: str = "", beginning: str = "") -> Listed:
        """The next names in their order, after `after`, of those that begin with `beginning`."""
        first = max(beginning, after + _NEXT) if after else beginning  # one bound: SQLite seeks by one only
        bounds = first, beginning + _LAST, limit + 1
        found = {row[0] for sql in _SOURCES for row in self._database.rows(sql, *bounds)}
        boards = dict(self._database.rows(_BOARDS, *bounds))
        names = sorted(found | boards.keys())
        shown = [name for name in names[:limit] if name in found or not boards[name]]
        return Listed(shown, names[limit - 1] if len(names) > limit else None)

    def of_certificate(self, beginning: str, limit: int) -> list[str]:
        """The names of things with a certificate whose id begins like this (hexadecimal digits)."""
        sql = (
            "SELECT DISTINCT thing FROM thing_certificates"
            " WHERE certificate_id >= ?1 AND certificate_id < ?2 ORDER BY certificate_id LIMIT ?3"
        )
        return [row[0] for row in self._database.rows(sql, beginning, beginning + "g", limit)]
