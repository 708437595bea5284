"""MQTT packets under MicroPython, with the umqtt.simple of a board and with one as new firmware has it."""

from pathlib import Path

import pytest

from muster import umqtt
from tests.port import micro

# What umqtt.simple 1.8.0 does otherwise than the pinned 1.3.4, as far as a subclass can notice.
_NEWER = (
    ("keepalive=0,\n                 ssl=False, ssl_params={})", "keepalive=0, ssl=None)"),
    ("        self.ssl_params = ssl_params\n", ""),
    ("import usocket as socket", "import socket"),
    ("def connect(self, clean_session=True):", "def connect(self, clean_session=True, timeout=None):"),
    (
        "        self.sock = socket.socket()\n",
        "        self.sock = socket.socket()\n        self.sock.settimeout(timeout)\n",
    ),
    (
        "            import ussl\n            self.sock = ussl.wrap_socket(self.sock, **self.ssl_params)\n",
        "            self.sock = self.ssl.wrap_socket(self.sock, server_hostname=self.server)\n",
    ),
    ("            assert 0\n\n    # Checks", "            assert 0\n        return op\n\n    # Checks"),
)


def newer_umqtt(folder: Path) -> Path:
    """A stand-in for umqtt.simple 1.8.0 in `folder`."""
    source = (umqtt.fetch() / umqtt.PACKAGE / umqtt.MODULE).read_text()
    for old, new in _NEWER:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    package = folder / umqtt.PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    (package / umqtt.MODULE).write_text(source)
    return folder


@pytest.mark.parametrize("bits", micro.BITS)
def test_packets(bits: int) -> None:
    micro.run_cases("packets_cases", bits)


@pytest.mark.parametrize("bits", micro.BITS)
def test_packets_with_a_newer_umqtt(bits: int, tmp_path: Path) -> None:
    micro.run_cases("packets_cases", bits, newer_umqtt(tmp_path))
