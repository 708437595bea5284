"""How many provisionings a second a twin carries: `python -m tools.twin.rate` with tests/ on the path.

Each one is a claim connection, CreateCertificateFromCsr (P-256), RegisterThing, a new connection with the new
certificate and its boot status. Twin and clients are two processes on the same machine.
"""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

from device.core import fields, topics
from tools.twin.helpers import REGISTER, Device, claim, registration

COMMAND = [sys.executable, "-m", "muster", "twin", "run", "--no-throttle", "--mqtt-port", "0", "--home"]


def measure(count: int = 160, parallel: int = 16, from_csr: bool = True) -> tuple[float, float]:
    """(provisionings a second, milliseconds of the twin's processor time for each)."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        process = subprocess.Popen([*COMMAND, str(home)], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rsplit(":", 1)[1])
            twin = SimpleNamespace(
                port=port,
                ca_pem_path=home / "ca.pem",
                claim_certificate_path=home / "claim" / "certificate.pem.crt",
                claim_key_path=home / "claim" / "private.pem.key",
            )
            return _run(twin, Path(folder), process.pid, count, parallel, from_csr)
        finally:
            process.terminate()
            process.wait()


def _run(twin, folder: Path, pid: int, count: int, parallel: int, from_csr: bool) -> tuple[float, float]:
    def one(number: int) -> None:
        serial = f"cam{number}"
        if from_csr:
            device = Device(twin, folder, serial)
            connect = device.connect
        else:
            connect = _with_keys(twin, folder, serial).connect
        with connect() as raw:
            raw.publish(topics.booted(topics.DEFAULT_PREFIX, serial), b"{}", qos=1)

    before_s, began_s = _processor_s(pid), time.monotonic()
    with ThreadPoolExecutor(parallel) as pool:
        list(pool.map(one, range(count)))
    elapsed_s = time.monotonic() - began_s
    return count / elapsed_s, (_processor_s(pid) - before_s) * 1000 / count


def _with_keys(twin, folder: Path, serial: str) -> Device:
    device = Device.__new__(Device)
    device.twin, device.serial = twin, serial
    device.certificate, device.key = folder / f"{serial}.crt", folder / f"{serial}.key"
    with claim(twin, serial) as raw:
        accepted, created = raw.request(topics.CREATE_KEYS)
        assert accepted, created
        device.certificate.write_text(created[fields.CERTIFICATE_PEM])
        device.key.write_text(created[fields.PRIVATE_KEY])
        assert raw.request(REGISTER, registration(created, serial))[0]
    return device


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    for is_csr in (True, False):
        rate, cost_ms = measure(from_csr=is_csr, count=160 if is_csr else 48)
        print(f"{'CSR P-256' if is_csr else 'RSA made by the twin'}: {rate:.1f}/s, {cost_ms:.1f} ms each")
