"""Boards that meet failure: quick time-outs, credentials of every kind, and what a console must show.

What lasts too long for a test is set in the image only: in the module that tells a board what it is
(muster.mpy.build_module), the one file in which the program of a test differs from a real one.
"""

import ast
import contextlib
import dataclasses
import functools
import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from device.core import fields, paths
from muster import constants, image, interpreter, mpy, pack, short_names
from muster.boards import STANDARD, Selection, Service, profile
from muster.layout import LIB
from muster.parsing import parsed
from muster.registry import Registry
from muster.registry.certificates import ACTIVE
from muster.twin import defaults, pki
from muster.twin.server import RunningTwin
from muster.virtual import VirtualBoard
from tests.system import rig

BODY = re.compile(rb"-----BEGIN [A-Z0-9 ]+-----(.+?)-----END", re.DOTALL)
_WINDOW = 16  # characters of a secret that are too many in a log
LONGEST_LINE = 400

# A board that loses patience within a second or two, and whose heart beats five times a second.
QUICK = {
    "heartbeat_ms": 200,
    "connect_ms": 1500,
    "tls_ms": 1500,
    "answer_ms": 1500,
    "request_ms": 1500,
    "retry_ms": 300,
    "renew_start_ms": 0,
}
PATIENT = dict.fromkeys(("connect_ms", "tls_ms", "answer_ms", "request_ms"))  # as long as in real life


def need_interpreter(bits: int) -> None:
    """Skip the test, aloud, where the optional 32-bit interpreter is not there."""
    if bits == 32 and (why := interpreter.missing32()):
        pytest.skip(why)


def compiled(module: str, text: str) -> dict[str, bytes]:
    """{path on flash: compiled `text`} for the module that is named below lib/."""
    attributes = (node for node in ast.walk(parsed(text)) if isinstance(node, ast.Attribute))
    of_others = {node.attr for node in attributes if ast.unparse(node.value) != "self"}
    assert not of_others & short_names.of_device().private.keys(), "private: it has another name on a board"
    alone = [mpy.Source(module, constants.in_place(text).encode())]  # a home of constants that nothing asks
    data = mpy.compile_module((mpy.device_sources({module: text}) or alone)[0])
    return {f"/lib/{module.removesuffix('.py')}.mpy": data}


def changed(module: str, old: str, new: str) -> dict[str, bytes]:
    """{path on flash: module compiled with `old`, which stands there once, replaced by `new`}."""
    text = (LIB / module).read_text()
    assert text.count(old) == 1, f"{module} does not have {old!r} once"
    return compiled(module, text.replace(old, new))


def service(name: str, body: str) -> dict[str, bytes]:
    """The module of one more service, for an image whose `services` name it.

    `body`: the lines of its `run`, at any indentation; `time` and `state` are known there.
    """
    lines = textwrap.indent(textwrap.dedent(body).strip(), " " * 8)
    text = (
        "import time\nfrom device.runtime.service import Service\n\n\n"
        f"class Probe(Service):\n    async def run(self):\n        state = self.state\n{lines}\n\n\n"
        "SERVICE = Probe\n"
    )
    return compiled(f"device/services/{name}.py", text)


@functools.cache
def _known_intervals() -> frozenset[str]:
    """The names that the program asks for: one that it does not know would change nothing, unnoticed."""
    sources = (path.read_text() for path in LIB.rglob("*.py"))
    return frozenset(name for text in sources for name in re.findall(r'\binterval\(\s*"(\w+)"', text))


def told(
    *,
    intervals: Mapping[str, int | None] | None = None,
    services: Sequence[str] = (),
    built_s: float | None = None,
    facts: Mapping[str, object] | None = None,
    selection: Selection = STANDARD,
) -> dict[str, bytes]:
    """The module that tells a board what it is; everything that a test wants of it goes into this one call.

    `intervals`: milliseconds, over those of QUICK; None is the program's own. `services`: more of them.
    `built_s`: when the image was made, Unix seconds: the floor of the clock. `facts`: others of the board.
    `selection`: what the image contains.
    """
    lengths = {**QUICK, **(intervals or {})}
    unknown = lengths.keys() - _known_intervals()
    assert not unknown, f"the program asks for no interval {sorted(unknown)}"
    usual = profile(rig.BOARD, selection=selection)
    more = tuple(Service(name, needs=(), in_cloud=False, in_safe_mode=False) for name in services)
    source = mpy.build_module(
        dataclasses.replace(usual, services=(*usual.services, *more)),
        mpy.default_build_time() if built_s is None else int(built_s),
        {name: number for name, number in lengths.items() if number is not None},
    )
    text = source.text.decode()
    for name, value in (facts or {}).items():
        assert f"\n{name} = " in text, f"a board is not told {name}"
        text += f"{name} = {value!r}\n"  # the last assignment counts
    return compiled(source.name, text)


def flash(
    path: Path,
    twin: RunningTwin,
    serial: str,
    *,
    intervals: Mapping[str, int | None] | None = None,
    services: Sequence[str] = (),
    built_s: float | None = None,
    facts: Mapping[str, object] | None = None,
    **options: Any,
) -> Path:
    """As rig.flash, with the quick program; the first four options are those of `told`."""
    module = told(intervals=intervals, services=services, built_s=built_s, facts=facts)
    options["extra"] = {**module, **(options.get("extra") or {})}
    return rig.flash(path, twin, serial, **options)


def edit(path: Path, changes: Mapping[str, bytes | None]) -> None:
    """Replace files in an image; None removes one."""
    files = {**pack.unpacked(rig.on_flash(path)), **changes}
    kept = {name: data for name, data in files.items() if data is not None}
    path.write_bytes(image.build_image(pack.packed(kept), rig.BOARD))


def identity(path: Path) -> str:
    """The certificate id of the board's identity."""
    sealed = rig.on_flash(path)[f"{paths.CERT}/{paths.IDENTITY}"]
    certificate_id: str = json.loads(sealed)[fields.CERTIFICATE_ID]
    return certificate_id


def secrets(files: Mapping[str, bytes]) -> dict[str, str]:
    """{what: text} of everything in these files that no log may show."""
    found = {"the Wi-Fi password": rig.WIFI_PASSWORD}
    for name, data in files.items():
        for number, body in enumerate(BODY.findall(data)):
            found[f"{name} #{number}"] = b"".join(body.split()).decode(errors="replace")
        if name == paths.JOURNAL:
            token = re.search(rb'"%s": ?"([^"]+)"' % fields.OWNERSHIP_TOKEN.encode(), data)
            if token:
                found["the ownership token"] = token[1].decode()
    return found


def leaks(text: str, hidden: Mapping[str, str]) -> list[str]:
    """Which of the `hidden` texts show up in `text`, even in part."""
    shown = {text[at : at + _WINDOW] for at in range(len(text) - _WINDOW + 1)}
    return [
        what
        for what, secret in hidden.items()
        if any(secret[at : at + _WINDOW] in shown for at in range(len(secret) - _WINDOW + 1))
    ]


@contextlib.contextmanager
def powered(path: Path, *, traceback: bool = False, **options: Any) -> Iterator[VirtualBoard]:
    """A running board; afterwards its console is checked for secrets, tracebacks and long lines."""
    hidden = secrets(rig.on_flash(path))
    machine = rig.board(path, **options).start()
    try:
        yield machine
    finally:
        machine.stop()
    hidden.update(secrets(rig.on_flash(path)))
    beacons = "\n".join(map(str, machine.beacons))
    assert not leaks(machine.console + beacons, hidden), machine.console
    assert traceback or "Traceback" not in machine.console, machine.console
    assert max(map(len, machine.lines), default=0) <= LONGEST_LINE, machine.console


@contextlib.contextmanager
def crowd(
    images: Mapping[str, Path], each: Mapping[str, Mapping[str, Any]] | None = None, **options: Any
) -> Iterator[dict[str, VirtualBoard]]:
    """Several running boards at once (most of the time they wait); `each`: options of single ones."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(powered(path, **{**options, **(each or {}).get(name, {})}))
            for name, path in images.items()
        }


def complaint(machine: VirtualBoard, *parts: str, start: int = 0) -> str:
    """The first line, from number `start` on, that has all these `parts` in order."""
    return machine.wait_for(re.compile(".*".join(map(re.escape, parts))), start=start)


def still_runs(machine: VirtualBoard) -> None:
    """Wait for a new heartbeat: main.py runs its services."""
    machine.wait_for("heartbeat", start=len(machine.lines))


class Claims:
    """Makes claim credentials of a twin: good ones, and others."""

    def __init__(self, twin: RunningTwin, registry: Registry | None = None) -> None:
        """`registry`: one that belongs to the thread that makes them, if that is not the twin's."""
        self._twin = twin
        self._registry = registry or twin.registry
        self._authority = pki.Authority(twin.home, twin.settings.authority_key)

    def make(
        self, from_s: float = -3600, to_s: float = 3600, status: str = ACTIVE, policy: str | None = None
    ) -> dict[str, bytes]:
        """{path on flash: PEM} of credentials valid from and to so many seconds from now."""
        now_s = self._twin.settings.clock()
        key = pki.new_key("ec")
        certificate_id, pem = self._authority.issue(key.public_key(), now_s + from_s, now_s + to_s)
        registry = self._registry
        registry.certificates.add(certificate_id, pem, status, now_s, now_s + to_s, is_claim=True)
        registry.policies.attach(policy or defaults.CLAIM_POLICY, certificate_id)
        return {
            claim_path(paths.ROOT_CA): self._twin.ca_pem_path.read_bytes(),
            claim_path(paths.CERTIFICATE): pem.encode(),
            claim_path(paths.PRIVATE_KEY): pki.key_pem(key).encode(),
        }

    def activate(self, claim: Mapping[str, bytes]) -> None:
        """Make a certificate good that was revoked."""
        certificate = x509.load_pem_x509_certificate(claim[claim_path(paths.CERTIFICATE)])
        der = certificate.public_bytes(Encoding.DER)
        self._registry.certificates.set_status(pki.certificate_id(der), ACTIVE)


def claim_path(name: str) -> str:
    """Where a file of the claim credentials is on flash."""
    return f"{paths.BOOTSTRAP}/{name}"
