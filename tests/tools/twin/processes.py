"""`muster twin` in a process of its own."""

import contextlib
import re
import subprocess
import sys
from types import SimpleNamespace

COMMAND = [sys.executable, "-m", "muster", "twin"]


def muster(*arguments):
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=60)


@contextlib.contextmanager
def process(home, *arguments):
    command = [*COMMAND, "run", "--home", str(home), "--mqtt-port", "0", *arguments]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = running.stdout.readline()
        match = re.fullmatch(r"twin ready mqtts://(\S+):(\d+)\n", line)
        assert match, (line, running.stderr.read() if running.poll() is not None else "")
        yield (
            running,
            SimpleNamespace(
                host=match[1],
                port=int(match[2]),
                ca_pem_path=home / "ca.pem",
                claim_certificate_path=home / "claim" / "certificate.pem.crt",
                claim_key_path=home / "claim" / "private.pem.key",
            ),
        )
    finally:
        running.kill()
        running.communicate()
