"""A port for a server that is told its port, or that keeps it through its own restarts."""

import random
import socket

_FIRST, _LAST = 10000, 29999  # below what any system hands out to outgoing connections and to port 0
_RANDOM = random.SystemRandom()  # workers of the suite must not draw alike


def free_port() -> int:
    """A port of loopback that nobody listens on, and that the system gives to nobody meanwhile."""
    for _ in range(1000):
        port = _RANDOM.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("all ports are taken")
