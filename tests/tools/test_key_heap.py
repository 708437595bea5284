"""A key and its signing request made by compiled modules on MicroPython, in a heap far below a board's."""

import os
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from muster import interpreter, mpy
from muster.layout import LIB

# Bytes. On 32 bits, the size of a board's objects, 200 keys of 200 fit in 18 KiB.
HEAPS = {64: 32 * 1024, 32: 20 * 1024}
CORE = ("__init__", "hmac256", "der", "pem")
CLAIM = ("__init__", "p256", "csr")
NAMES = ("__init__", *(f"core/{name}" for name in CORE), *(f"claim/{name}" for name in CLAIM))
SCRIPT = """
import os
from device.claim import csr, p256
from device.core import pem
d = p256.generate_private_key(os.urandom)
public = p256.public_key(d)
print(pem.from_der(csr.private_key_der(d, public), pem.EC_PRIVATE_KEY))
print(csr.signing_request(d, "sensor-0001", None, public))
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the script and what it imports, compiled as for a board."""
    folder = tmp_path_factory.mktemp("board")
    sources = [mpy.Source(f"device/{name}.py", (LIB / f"device/{name}.py").read_bytes()) for name in NAMES]
    sources.append(mpy.Source("make_key.py", SCRIPT.encode()))
    for name, data in mpy.compile_all(sources, folder / "kept").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def make_key(modules: Path, bits: int, heap: int) -> subprocess.CompletedProcess[str]:
    command = [*interpreter.command(bits), "-X", f"heapsize={heap}", "-c", "import make_key"]
    environment = {**os.environ, "MICROPYPATH": str(modules)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("bits", HEAPS)
def test_key_and_request_fit_and_belong_together(modules: Path, bits: int) -> None:
    if bits == 32 and (reason := interpreter.missing32()):
        pytest.skip(reason)
    result = make_key(modules, bits, HEAPS[bits])
    assert result.returncode == 0, result.stderr
    key_text, request_text = result.stdout.split("\n\n")[:2]
    key = load_pem_private_key(key_text.encode(), None)
    request = x509.load_pem_x509_csr(request_text.encode())
    assert request.is_signature_valid
    assert request.public_key() == key.public_key()


def test_too_small_a_heap_is_seen(modules: Path) -> None:
    result = make_key(modules, 64, HEAPS[64] // 3)
    assert result.returncode == 1
    assert "MemoryError" in result.stderr + result.stdout
