"""Time for a P-256 key and its signing request: ours on three interpreters, and two packages on CPython."""

import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ecdsa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from device.claim import csr, p256
from muster import interpreter, mpy
from muster.layout import LIB
from tests.bench.common import Bench, Result, Row, Tell, median, ratio

ROUNDS = 30
CPYTHON = "CPython"
OURS = "ours"
ECDSA = f"ecdsa {ecdsa.__version__}"
OPENSSL = "cryptography (OpenSSL)"
CORE = ("__init__", "hmac256", "der", "pem")
CLAIM = ("__init__", "p256", "csr")
MODULES = ("__init__", *(f"core/{name}" for name in CORE), *(f"claim/{name}" for name in CLAIM))
NAME = "bench-0001"
SCRIPT = f"""
import gc, os, time
from device.claim import csr, p256
def once():
    d = p256.generate_private_key(os.urandom)
    public = p256.public_key(d)
    csr.signing_request(d, {NAME!r}, None, public)
for _ in range({ROUNDS} + 1):
    gc.collect()
    start = time.ticks_us()
    once()
    print(time.ticks_diff(time.ticks_us(), start))
"""

HOW = """\
A new key, its public point, and the signing request in PEM, signed with the k of RFC 6979. *First* is the
first one of a process, imports done, which is what a board makes in its life; *later* the median of
{rounds} more. On MicroPython ours runs from the .mpy files that go onto a board; what a board takes is not
measured here. On CPython the peer is ecdsa {ecdsa}, pure Python as ours (no gmpy2); it makes a key and one
RFC 6979 signature over as many bytes and no request around them, so it does less, and it computes a table
at first use that ours brings along. `cryptography` (OpenSSL, in C, constant time) is there for scale: that
is what the host uses."""


def on_micropython(bits: int) -> tuple[float, float]:
    """Milliseconds of the first key and request, and of the later ones (median)."""
    with tempfile.TemporaryDirectory() as folder:
        sources = [
            mpy.Source(f"device/{name}.py", (LIB / f"device/{name}.py").read_bytes()) for name in MODULES
        ]
        sources.append(mpy.Source("make_key.py", SCRIPT.encode()))
        for name, data in mpy.compile_all(sources).items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        command = [*interpreter.command(bits), "-X", "heapsize=128k", "-c", "import make_key"]
        environment = {**os.environ, "MICROPYPATH": folder}
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=True
        )
    first, *later = [int(line) / 1000 for line in result.stdout.split()]
    return first, median(later)


def on_cpython(once: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of the first call of `once`, and of the later ones (median)."""
    times_ms = []
    for _ in range(ROUNDS + 1):
        start_s = time.perf_counter()
        once()
        times_ms.append((time.perf_counter() - start_s) * 1000)
    return times_ms[0], median(times_ms[1:])


def ours() -> None:
    """What the board does, on CPython."""
    d = p256.generate_private_key(os.urandom)
    csr.signing_request(d, NAME, None, p256.public_key(d))


def with_ecdsa() -> None:
    """A key and one signature."""
    key = ecdsa.SigningKey.generate(curve=ecdsa.NIST256p, hashfunc=hashlib.sha256)
    key.get_verifying_key().to_string()
    key.sign_deterministic(bytes(160))


def with_openssl() -> None:
    """A key and its request."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    request.public_bytes(serialization.Encoding.PEM)


def measure(bench: Bench, tell: Tell) -> Result:
    """Ours on MicroPython and CPython, the packages on CPython."""
    took: dict[tuple[str, str], tuple[float, float]] = {}
    for bits in (64, 32):
        if bits == 64 or not interpreter.missing32():
            tell(f"MicroPython, {bits} bits")
            took["ours, .mpy", f"MicroPython, {bits} bits"] = on_micropython(bits)
    tell("CPython")
    packages = {OURS: ours, ECDSA: with_ecdsa, OPENSSL: with_openssl}
    took.update({(name, CPYTHON): on_cpython(once) for name, once in packages.items()})
    details = [("program", "interpreter", "first, ms", "later, ms")]
    details += [(*what, f"{first:.2f}", f"{later:.2f}") for what, (first, later) in took.items()]
    (peer_first, peer_later) = took[ECDSA, CPYTHON]
    rows = []
    for (program, where), (first, later) in took.items():
        if program in (ECDSA, OPENSSL):
            continue
        is_same = where == CPYTHON
        peer = "ecdsa" if is_same else "ecdsa on CPython"
        figures = [("first", first, peer_first), ("later", later, peer_later)]
        for which, own_ms, peer_ms in figures if is_same else figures[:1]:
            name = f"P-256 key and signing request, {where}, {which}"
            rows.append(Row(name, f"{own_ms:.1f} ms", f"{peer_ms:.1f} ms ({peer})", ratio(own_ms, peer_ms)))
    return Result(
        "Key and signing request", rows, HOW.format(rounds=ROUNDS, ecdsa=ecdsa.__version__), details
    )
