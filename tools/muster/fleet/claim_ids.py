"""Claim IDs: the random codes on labels that forgive a slip of the finger.

Ten symbols of Crockford's base 32 (no I, L, O, U) hold 50 random bits, sixteen hold 80. All codes of one
registry differ in at least three places, so one wrong symbol, or two that changed places, never give
another customer's device, and one wrong symbol can be pointed at.

Whether a code comes too close to another is asked of the registry: cut into three blocks, two codes
that differ in fewer than three places have a block in common, and blocks are indexed.
"""

import secrets

from device.core import claim_ids
from muster.errors import NO_DEVICE, WRONG_USE, MusterError
from muster.registry.fleet import Devices

ALPHABET = claim_ids.ALPHABET
SHORT = claim_ids.SHORT
LONG = claim_ids.LONG
MIN_DISTANCE = 3
_ALIKE = str.maketrans("OIL", "011")


def distance(one: str, other: str) -> int:
    """In how many places two codes differ; codes of different length differ everywhere."""
    if len(one) != len(other):
        return max(len(one), len(other))
    return sum(a != b for a, b in zip(one, other, strict=True))


def new(devices: Devices, length: int = SHORT) -> str:
    """A fresh random code of `length` symbols (SHORT or LONG), far enough from all in the registry."""
    while True:  # with a million codes, one in 25 000 is drawn again
        code = "".join(secrets.choice(ALPHABET) for _ in range(length))
        if all(distance(code, near) >= MIN_DISTANCE for near in devices.claim_ids_near(code)):
            return code


def shown(code: str) -> str:
    """The code in groups for people: 7423F-FA8DT."""
    size = 5 if len(code) == SHORT else 4
    return "-".join(code[at : at + size] for at in range(0, len(code), size))


def read(text: str) -> str:
    """The code that a person typed or scanned: spaces, dashes, case, O/0 and I/L/1 do not matter.

    The page of a board shows it with a check symbol at its end, labels without.
    Raises MusterError (wrong use) when it cannot be one.
    """
    code = "".join(character for character in text.upper() if character not in " -")
    if len(code) in (SHORT + 1, LONG + 1):
        if right := claim_ids.read(code):
            return right
        raise MusterError(
            f"claim ID {text!r}: its last symbol, {code[-1]!r}, does not fit the others; look at it again",
            WRONG_USE,
        )
    code = code.translate(_ALIKE)
    for place, symbol in enumerate(code, 1):
        if symbol not in ALPHABET:
            raise MusterError(
                f"claim ID {text!r}: symbol {place}, {symbol!r}, is in no claim ID; look at the label again",
                WRONG_USE,
            )
    if len(code) not in (SHORT, LONG):
        raise MusterError(
            f"claim ID {text!r} has {len(code)} symbols, not {SHORT} or {LONG}; look at the label again",
            WRONG_USE,
        )
    return code


def find(devices: Devices, text: str) -> str:
    """The name of the device with this claim ID.

    Raises MusterError: which symbol looks wrong when one slip explains it, else that there is none.
    """
    code = read(text)
    device = devices.of_claim_id(code)
    if device is not None:
        return device.name
    for near in devices.claim_ids_near(code):
        if distance(code, near) == 1:
            place = next(at for at, (a, b) in enumerate(zip(code, near, strict=True), 1) if a != b)
            raise MusterError(
                f"claim ID {text!r}: symbol {place} looks wrong; look at the label again", WRONG_USE
            )
    raise MusterError(f"no device has the claim ID {text!r}; look at the label again", NO_DEVICE)
