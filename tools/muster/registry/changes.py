"""What has changed in the registry since the last look, for a reader that keeps what it has read.

Changes by others (another process, another connection) are only known to have happened; of the own ones it is
known which certificate they concern, by triggers that exist for this connection alone.
"""

from collections.abc import Callable

from muster.registry.database import Database

# table -> (events, which certificates a change of a row concerns)
_TRIGGERS = (
    ("certificates", "UPDATE OF status, not_after_s", "SELECT changed_certificate(old.certificate_id)"),
    ("certificates", "DELETE", "SELECT changed_certificate(old.certificate_id)"),
    ("policy_certificates", "INSERT", "SELECT changed_certificate(new.certificate_id)"),
    ("policy_certificates", "DELETE", "SELECT changed_certificate(old.certificate_id)"),
    ("thing_certificates", "INSERT", "SELECT changed_certificate(new.certificate_id)"),
    ("thing_certificates", "UPDATE", "SELECT changed_certificate(old.certificate_id)"),
    ("thing_certificates", "DELETE", "SELECT changed_certificate(old.certificate_id)"),
    (
        "things",
        "UPDATE",
        "SELECT changed_certificate(certificate_id) FROM thing_certificates WHERE thing = old.name",
    ),
    (
        "policies",
        "UPDATE",
        "SELECT changed_certificate(certificate_id) FROM policy_certificates"
        " WHERE policy = old.name AND old.document <> new.document",
    ),
)


class Changes:
    """Tells `changed` the id of each certificate that this connection changes, at once."""

    def __init__(self, database: Database, changed: Callable[[str], object]) -> None:
        self._database = database
        self._version = self._others_version()

        def tell(certificate_id: str) -> None:
            changed(certificate_id)

        database.define("changed_certificate", tell)
        for number, (table, event, action) in enumerate(_TRIGGERS):
            database.write(
                f"CREATE TEMP TRIGGER tell_{number} AFTER {event} ON main.{table} BEGIN {action}; END"
            )

    def by_others(self) -> bool:
        """Whether anybody else has written since this was asked last."""
        version = self._others_version()
        has_changed, self._version = version != self._version, version
        return has_changed

    def _others_version(self) -> int:
        row = self._database.row("PRAGMA data_version")
        assert row is not None
        return int(row[0])
