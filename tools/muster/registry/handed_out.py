"""Which board of a factory got which device's claim ID."""

from muster.registry.database import Database


class HandedOut:
    """The table `handed_out`: a board is in it once, and so is a device."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def device_of(self, hardware: str) -> str | None:
        """The name of the device whose claim ID this board got, or None."""
        row = self._database.row("SELECT device FROM handed_out WHERE hardware = ?", hardware)
        return row[0] if row else None

    def hardware_of(self, device: str) -> str | None:
        """The board that got this device's claim ID, or None."""
        row = self._database.row("SELECT hardware FROM handed_out WHERE device = ?", device)
        return row[0] if row else None

    def add(self, hardware: str, device: str, now_s: float) -> None:
        """Remember it for good. Raises RegistryError when one of both is there already."""
        self._database.write("INSERT INTO handed_out VALUES (?, ?, ?)", hardware, device, now_s)
