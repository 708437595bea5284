"""A bundle of facts that may be shown to others: names, addresses and secrets have stand-ins in it.

Equal values have equal stand-ins, so the bundle still shows what belongs together. What looks like a secret
and has none is a reason to write no bundle at all.
"""

import json
import re
from typing import Any

from muster.doctor.facts import Facts, part
from muster.doctor.rules import Finding
from muster.errors import MusterError
from muster.printable import printable

# Numbers of hardware, certificates, hashes, keys; what stands beside them may be "_".
_ID = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{12,}|[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})(?![0-9A-Fa-f])")
_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])|\b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F:]+")
_SERVER = re.compile(r"\b[\w.-]+\.amazonaws\.com\b")
_CLAIM = re.compile(r"\bclaim ID [0-9A-Z-]{8,}", re.IGNORECASE)
_OF_NAMES = ("wifi", "cloud")  # the facts by which names are known
_FREE_TEXT = ("log", "services", "restarts", "files", *_OF_NAMES)
# What may be left: nothing of these.
_SECRETS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    re.compile(r"[A-Za-z0-9+/]{40,}={0,2}"),  # a key in Base64
    re.compile(r"(?i)(password|secret|token|psk)[\\\"' ]*[:=] *\\*[\"'][^\"'<]{4,}"),
)


def bundle(facts: Facts, findings: list[Finding]) -> str:
    """The text of the bundle (JSON). Raises MusterError when something in it looks like a secret."""
    names = dict(_names(facts))
    told = dict(facts)
    if not all(part(facts, name) for name in _OF_NAMES):
        # Nobody knows the names that may stand in free text, so that is left out.
        told = {name: value for name, value in facts.items() if name not in _FREE_TEXT}
        findings = []
    text = json.dumps(
        {"findings": [one._asdict() for one in findings], "facts": told}, ensure_ascii=False, indent=1
    )
    for value in sorted(names, key=len, reverse=True):
        for shown in (value, printable(value)):
            text = text.replace(json.dumps(shown, ensure_ascii=False)[1:-1], names[value])
    stand_ins: dict[str, str] = {}

    def stand_in(kind: str, value: str) -> str:
        return stand_ins.setdefault(value, f"<{kind} {len(stand_ins) + 1}>")

    text = _CLAIM.sub(lambda found: stand_in("claim ID", found[0]), text)
    text = _ID.sub(lambda found: stand_in("number", found[0]), text)
    text = _SERVER.sub(lambda found: stand_in("server", found[0]), text)
    text = _ADDRESS.sub(lambda found: stand_in("address", found[0]), text)
    for pattern in _SECRETS:
        left = pattern.search(text)
        if left:
            raise MusterError(
                f"the bundle is not written: at character {left.start()} there is what looks like a secret. "
                "Tell what `muster doctor` says without --share."
            )
    return text + "\n"


def _names(facts: Facts) -> "list[tuple[str, str]]":
    """(value, stand-in) of what names people's things."""
    wifi, cloud = part(facts, "wifi"), part(facts, "cloud")
    joined = wifi.get("joined")
    networks: list[Any] = [
        *(wifi.get("known") or []),
        joined[0] if isinstance(joined, list) and joined else "",
    ]
    networks += [one[0] for one in wifi.get("seen") or [] if isinstance(one, list) and one]
    found = [("network", one) for one in networks]
    found += [("serial", cloud.get("serial")), ("server", cloud.get("host"))]
    for slot in part(facts, "identity").values():
        if isinstance(slot, dict):
            found.append(("certificate", slot.get("subject")))
    told: dict[str, str] = {}
    for kind, value in found:
        if isinstance(value, str) and value:
            told.setdefault(value, f"<{kind} {len(told) + 1}>")
    return list(told.items())
