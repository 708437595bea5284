"""From facts to sentences: what is wrong, why, and what to do next. Each rule looks at one thing."""

import ipaddress
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from device.core import paths
from muster.boards import board, names
from muster.cloud import endpoints
from muster.doctor.facts import Facts, part
from muster.printable import printable
from muster.twin.pki import ROOT_NAME

WRONG = "wrong"  # it keeps the board from its work
LOOK = "look"  # it may, or will soon

_DAY_S = 86400
_CLOCK_S = 2 * _DAY_S
_FLASH_BYTES = 24576
_WEAK_DBM = -80
_SLOW_LOOKUP_MS = 3000
_EARLY_STARTS = 3
_AMAZON = ("Amazon", "Starfield")
_TITLES = {"active": "identity", "claim": "claim credentials", "trial": "new identity"}


class Finding(NamedTuple):
    """A sentence about something that is not as it should be, and what to do."""

    kind: str
    text: str
    advice: str = ""


Findings = Iterator[Finding]


def findings(facts: Facts, now_s: float) -> list[Finding]:
    """What is wrong by these facts, first what has to be mended first. `now_s`: the host's clock."""
    found = [one for rule in _RULES for one in _applied(rule, facts, now_s)]
    clean = [Finding(one.kind, printable(one.text), printable(one.advice)) for one in found]
    return sorted(dict.fromkeys(clean), key=lambda one: one.kind != WRONG)


def _applied(rule: "Rule", facts: Facts, now_s: float) -> list[Finding]:
    """What a rule says; a board that is ill may tell what no rule expects."""
    try:
        return list(rule(facts, now_s))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        name = rule.__name__.strip("_")
        return [Finding(LOOK, f"what the board says about {name} makes no sense", "look at it with -o json")]


def _kind(facts: Facts) -> str:
    kind = str(part(facts, "program").get("board", "")).partition("-")[0]
    return kind if kind in names() else ""


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _program(facts: Facts, _: float) -> Findings:
    program = part(facts, "program")
    kind, version = _kind(facts), str(program.get("micropython", ""))
    parts = tuple(int(one) for one in version.split(".")[:2] if one.isdigit())
    if kind and len(parts) == 2 and parts < board(kind).oldest_firmware:
        oldest = ".".join(map(str, board(kind).oldest_firmware))
        yield Finding(
            WRONG,
            f"MicroPython {version} is too old",
            f"write {oldest} or newer: `muster flash --firmware`",
        )
    frozen = part(facts, "frozen")
    for path in frozen.get("hidden") or []:
        yield Finding(
            LOOK,
            f"{path} is not used: the program frozen into the firmware comes first, however new the other is",
            f"remove it, or write firmware without a program: `mpremote resume rm -r :{path} + reset`",
        )
    umqtt = str(program.get("umqtt") or "")
    if umqtt.startswith("/") and not umqtt.startswith(paths.PACKED):
        yield Finding(
            LOOK,
            f"another umqtt than Muster's is on the flash, and runs ({umqtt})",
            f"remove it: `mpremote resume rm :{umqtt} + reset`",
        )


def _flash(facts: Facts, _: float) -> Findings:
    flash = part(facts, "flash")
    if flash.get("offline"):
        yield Finding(
            WRONG,
            f"the file {paths.OFFLINE} keeps it off the network",
            f"remove it: `mpremote resume rm :{paths.OFFLINE} + reset`",
        )
    free = _number(flash.get("free"))
    if free is not None and free < _FLASH_BYTES:
        yield Finding(
            WRONG,
            f"the flash is full: {free:.0f} bytes are free, too few for a new identity",
            "remove files of your own from it, or flash a whole image",
        )


def _clock(facts: Facts, now_s: float) -> Findings:
    unix = _number(part(facts, "clock").get("unix"))
    if unix is not None and abs(unix - now_s) > _CLOCK_S:
        days = abs(unix - now_s) / _DAY_S
        which = "slow" if unix < now_s else "fast"
        yield Finding(
            WRONG,
            f"its clock is {days:.0f} days {which}: certificates seem to be not yet valid, or expired",
            "let it reach a time server (UDP port 123), or name one in ento.conf",
        )


def _files(facts: Facts, _: float) -> Findings:
    files = part(facts, "files")
    missing = files.get("missing") or []
    if paths.CONF in missing:
        yield Finding(
            WRONG,
            f"{paths.CONF} is missing: it does not know who it is",
            "build its image with --serial and --endpoint",
        )
    if paths.WIFI in missing:
        yield Finding(
            WRONG,
            f"{paths.WIFI} is missing: it knows no Wi-Fi",
            "choose one on the board's own access point, or build the image with --wifi",
        )
    for name in ("conf", "wifi", "config"):
        if files.get(name):
            yield Finding(WRONG, str(files[name]))


def _identity(facts: Facts, now_s: float) -> Findings:
    slots = part(facts, "identity")
    if facts.get("identity") == {}:
        yield Finding(
            WRONG,
            "it has neither an identity nor claim credentials",
            "build its image with --claim, or with --builder",
        )
    for name, slot in slots.items():
        if isinstance(slot, dict) and name in _TITLES:
            yield from _slot(name, slot, now_s)


def _slot(name: str, slot: dict[str, Any], now_s: float) -> Findings:
    title = _TITLES[name]
    again = (
        "copy the claim credentials there again"
        if name == "claim"
        else f"take it offline, and remove {paths.CERT}: it then provisions again"
    )
    if slot.get("missing"):
        yield Finding(
            WRONG, f"of its {title} {', '.join(map(str, slot['missing']))} is missing or empty", again
        )
        return
    if slot.get("damaged"):
        yield Finding(WRONG, f"its {title} is damaged: {slot['damaged']}", again)
        return
    if slot.get("match") is False:
        yield Finding(WRONG, f"the key of its {title} belongs to another certificate", again)
    if name == "active" and not slot.get("sealed"):
        yield Finding(LOOK, "its identity was not written to the end", "let it run: it provisions again")
    begin, end = _number(slot.get("from")), _number(slot.get("to"))
    if end is not None and end < now_s:
        days = (now_s - end) / _DAY_S
        yield Finding(WRONG, f"the certificate of its {title} has expired {days:.0f} days ago", again)
    elif end is not None and name == "active" and end - now_s < 30 * _DAY_S:
        yield Finding(
            LOOK,
            f"the certificate of its {title} expires in {(end - now_s) / _DAY_S:.0f} days",
            "it renews itself if the service `renew` is in its image",
        )
    if begin is not None and begin > now_s + _DAY_S:
        yield Finding(
            WRONG, f"the certificate of its {title} is not valid yet", "look at the clock of who issued it"
        )


def _authority(facts: Facts, _: float) -> Findings:
    host = str(part(facts, "cloud").get("host") or "")
    slots = part(facts, "identity")
    for name in ("active", "claim"):
        slot = slots.get(name)
        root = str(slot.get("root", "")) if isinstance(slot, dict) else ""
        if not host or not root:
            continue
        if endpoints.is_aws(host) and root == ROOT_NAME:
            yield Finding(
                WRONG,
                f"its root CA is a twin's, and {host} belongs to AWS: it trusts no server of AWS",
                "build its image with the claim credentials of your AWS account",
            )
        elif not endpoints.is_aws(host) and root.startswith(_AMAZON):
            yield Finding(
                LOOK,
                f"its root CA is Amazon's, and {host} does not look like AWS",
                "if that is a twin, build the image with the twin's credentials",
            )
        return


def _wifi(facts: Facts, _: float) -> Findings:
    wifi = part(facts, "wifi")
    joined, seen, known = wifi.get("joined"), wifi.get("seen"), wifi.get("known") or []
    if isinstance(joined, list) and len(joined) == 3:
        if _number(joined[2]) and joined[2] < _WEAK_DBM:
            yield Finding(
                LOOK, f"the signal of {joined[0]} is weak ({joined[2]} dBm)", "move board or access point"
            )
        return
    if not isinstance(seen, list) or not known:
        return
    there = [str(one[0]) for one in seen if isinstance(one, list) and one]
    if not set(map(str, known)) & set(there):
        around = ", ".join(there[:5]) or "none"
        yield Finding(
            WRONG,
            f"none of its networks ({', '.join(map(str, known))}) is in range; there are: {around}",
            "look at the name in wifi.json, capitals too; a Pico W and an ESP32 know only 2.4 GHz",
        )


def _cloud(facts: Facts, _: float) -> Findings:
    cloud = part(facts, "cloud")
    host, slow = str(cloud.get("host") or ""), _number(cloud.get("lookup_ms")) or 0
    if not host:
        return
    if "lookup" in cloud:
        if slow >= _SLOW_LOOKUP_MS:
            yield Finding(
                WRONG,
                f"no name server answers: the lookup of {host} gave up after {slow / 1000:.0f} s",
                "look at the DNS server that the access point hands out, and whether UDP port 53 is open",
            )
        else:
            yield Finding(
                WRONG,
                f"the name server does not know {host}",
                "look for a mistake in the endpoint (ento.conf)",
            )
        return
    address = str(cloud.get("address") or "")
    if endpoints.is_aws(host) and _is_private(address):
        yield Finding(
            WRONG,
            f"the name server says that {host} is {address}, an address of the local network: this is a "
            "captive portal or a filter",
            "use a network without a log-in page",
        )
    if "connect" in cloud:
        yield Finding(
            WRONG,
            f"{host} ({address}) takes no connection at port {cloud.get('port')} ({cloud['connect']})",
            "look whether the server runs, and whether a firewall lets that port through",
        )


def _is_private(address: str) -> bool:
    try:
        return not ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def _memory(facts: Facts, _: float) -> Findings:
    memory = part(facts, "memory")
    free, largest, tls, piece = (_number(memory.get(name)) for name in ("free", "largest", "tls", "piece"))
    if None in (free, largest, tls, piece) or not tls:
        return
    assert free is not None and largest is not None and piece is not None
    if free < tls or largest < piece:
        yield Finding(
            WRONG,
            f"its heap is too small for TLS: {free:.0f} bytes are free, {largest:.0f} of them in one piece; "
            f"it takes {tls:.0f} and {piece:.0f}",
            "leave services or parts of your application out (`muster image --without`), or use own keys "
            "(--keys device)",
        )


def _services(facts: Facts, _: float) -> Findings:
    for service in facts.get("services") or []:
        if isinstance(service, list) and len(service) == 3 and service[1] == "failing":
            yield Finding(WRONG, f"{service[0]}: {service[2]}")


def _restarts(facts: Facts, _: float) -> Findings:
    restarts = part(facts, "restarts")
    early = restarts.get("early")
    count = _number(next(iter(early.values()), None)) if isinstance(early, dict) else _number(early)
    rows = [one for one in restarts.get("last") or [] if isinstance(one, dict)]
    reasons = [str(one.get("text") or one.get("cause") or "") for one in rows]
    if count and count >= _EARLY_STARTS:
        why = f"; last: {reasons[0]}" if reasons and reasons[0] else ""
        yield Finding(
            WRONG,
            f"it has restarted {count:.0f} times in a row within a minute{why}",
            "read its log: `muster log`; after five times it runs in safe mode",
        )
    elif sum(one.get("cause") == "watchdog" for one in rows) >= 2:
        yield Finding(LOOK, f"the watchdog has reset it: {next(filter(None, reasons), 'no reason known')}")


def _untold(facts: Facts, _: float) -> Findings:
    """Facts that could not be found out."""
    for name, value in facts.items():
        if isinstance(value, dict) and "error" in value and name != "cloud":
            yield Finding(LOOK, f"{name} cannot be found out: {value['error']}")


Rule = Callable[[Facts, float], Findings]
_RULES: tuple[Rule, ...] = (
    _program,
    _flash,
    _files,
    _wifi,
    _clock,
    _cloud,
    _identity,
    _authority,
    _memory,
    _services,
    _restarts,
    _untold,
)
