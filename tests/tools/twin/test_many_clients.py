"""More clients than there are files for, and what a connected client costs in memory."""

import socket
import subprocess
import sys
import tracemalloc
from contextlib import ExitStack
from types import SimpleNamespace

from device.core import paths
from tools.twin.helpers import claim

FILES = 40
CLIENTS = 8
CLIENT_BYTES = 64 * 1024  # a fourth of the buffer that asyncio's TLS keeps for each connection

RUN = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv.pop(1)),) * 2)
from muster.cli.main import main
main()
"""


def test_with_too_few_files_the_twin_says_so_once_and_serves_again(tmp_path):
    home = tmp_path / "twin"
    command = [sys.executable, "-c", RUN, str(FILES), "twin", "run", "--mqtt-port", "0", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline().rsplit(":", 1)[1])
            with ExitStack() as crowd:
                for _ in range(2 * FILES):
                    crowd.enter_context(socket.create_connection(("127.0.0.1", port)))
                told = process.stderr.readline()
            folder = home / "claim"
            twin = SimpleNamespace(
                port=port,
                ca_pem_path=home / "ca.pem",
                claim_certificate_path=folder / paths.CERTIFICATE,
                claim_key_path=folder / paths.PRIVATE_KEY,
            )
            with claim(twin) as client:
                assert client.is_alive()
        finally:
            process.terminate()
            rest = process.stderr.read()
    assert "no more connections can be accepted" in told
    assert rest == ""


def test_a_connected_client_has_no_large_buffer_of_its_own(twin):
    with ExitStack() as crowd:
        crowd.enter_context(claim(twin, "first"))
        tracemalloc.start()
        try:
            for number in range(CLIENTS):
                crowd.enter_context(claim(twin, f"client-{number}"))
            grown, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert grown < CLIENTS * CLIENT_BYTES
