"""Which claim ID a board in a factory gets: once, and no other board the same.

A board names its hardware number and its serial, if it has one. It becomes a device of the group, named by
its serial or else by its hardware; a board that asks again gets what it got before.
"""

from typing import NamedTuple

from device.core import claim_ids as board_claim_ids
from muster.errors import MusterError
from muster.fleet import devices, names
from muster.registry import Registry
from muster.registry.fleet import CREATED, Device

BAD_REQUEST = 400
CONFLICT = 409
NONE_LEFT = 503


class RefusedError(Exception):
    """No claim ID for this board; `status` is HTTP's, the text is for whoever stands at the line."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Given(NamedTuple):
    """What a board gets, and whether it is the first time."""

    device: Device
    is_new: bool


class Desk:
    """Hands out claim IDs from one registry. A call is one transaction: boards may ask at the same time."""

    def __init__(self, registry: Registry, group: str, most: int, takes_existing: bool) -> None:
        """`most`: how many boards may get their first claim ID from this desk.

        `takes_existing`: also give the claim IDs of devices that were in the registry before, to the boards
        with their serials.
        """
        self._registry = registry
        self._group = group
        self._takes_existing = takes_existing
        self.left = most
        registry.safe_from_power_cuts()

    def give(self, hardware: str, serial: str, now_s: float) -> Given:
        """The claim ID for this board. Raises RefusedError, or MusterError when the registry fails."""
        for name in filter(None, (hardware, serial)):
            if fault := names.fault(name, names.DEVICE):
                raise RefusedError(BAD_REQUEST, f"the name {name[:40]!r} {fault}")
        if not hardware:
            raise RefusedError(BAD_REQUEST, "the board does not say its hardware number")
        with self._registry.transaction():
            known = self._registry.handed_out.device_of(hardware)
            if known is not None:
                device = self._registry.devices.get(known)
                assert device is not None  # a foreign key
                if serial not in ("", device.name) and device.name != hardware:
                    raise RefusedError(
                        CONFLICT, f"this board was {device.name} before, and now says {serial}"
                    )
                return Given(device, False)
            given = self._new(hardware, serial or hardware, now_s)
        self.left -= 1
        return Given(given, True)

    def _new(self, hardware: str, name: str, now_s: float) -> Device:
        device = self._registry.devices.get(name)
        if device is not None:
            self._check_existing(device)
        if self.left <= 0:
            raise RefusedError(NONE_LEFT, "the count of this run is reached: start `muster factory` again")
        if device is None:
            try:
                device, _ = devices.add(self._registry, self._group, name, now_s)
            except MusterError as error:  # a name that differs only in case
                raise RefusedError(CONFLICT, str(error)) from error
        self._registry.handed_out.add(hardware, device.name, now_s)
        detail = f"{board_claim_ids.shown(device.claim_id)} to {hardware}"
        self._registry.devices.note(device.name, "claim ID handed out", detail, now_s)
        return device

    def _check_existing(self, device: Device) -> None:
        """Whether a board may get the claim ID of a device that was there before. Raises RefusedError."""
        other = self._registry.handed_out.hardware_of(device.name)
        if other is not None:
            raise RefusedError(CONFLICT, f"{other} is {device.name} already: two boards with one serial")
        if not self._takes_existing:
            raise RefusedError(
                CONFLICT, f"{device.name} is in the registry already, so a board may have its claim ID"
            )
        if device.group != self._group:
            raise RefusedError(CONFLICT, f"{device.name} is in group {device.group}, not {self._group}")
        if device.state != CREATED:
            raise RefusedError(CONFLICT, f"{device.name} is {device.state}: its board has its claim ID")
