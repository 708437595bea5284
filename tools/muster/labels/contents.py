"""What is on the label of a device of the registry."""

import string

from muster.errors import WRONG_USE, MusterError
from muster.fleet import claim_ids
from muster.labels.design import Content
from muster.registry.fleet import Device

_PLACEHOLDERS = ("claim_id", "name", "product")


CODE = "{claim_id}"  # what the QR code holds, if nothing else is wanted


def device_content(device: Device, code: str, product: str, title: str, password: str) -> Content:
    """The label of `device`; `code` is the pattern of the QR code's text, which `check_code` has seen."""
    return Content(
        device.name,
        claim_ids.shown(device.claim_id),
        code.format(claim_id=device.claim_id, name=device.name, product=product),
        title,
        password,
    )


def check_code(code: str, product: str) -> None:
    """Raises MusterError when the pattern of the QR code's text cannot be filled, or is the same for all."""
    try:
        fields = {field for _, field, _, _ in string.Formatter().parse(code) if field is not None}
    except ValueError as error:
        raise MusterError(f"--qr {code!r}: {error}; write a brace twice to print one.", WRONG_USE) from None
    unknown = sorted(fields - set(_PLACEHOLDERS))
    if unknown:
        known = ", ".join("{" + name + "}" for name in _PLACEHOLDERS)
        raise MusterError(f"--qr has no {{{unknown[0]}}}: {known} are replaced.", WRONG_USE)
    if not fields & {"claim_id", "name"}:
        raise MusterError("--qr would be the same on every label: add {claim_id} or {name}.", WRONG_USE)
    if "product" in fields and not product:
        raise MusterError("--qr asks for {product}: give --product.", WRONG_USE)
