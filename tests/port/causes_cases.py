"""Errors of sockets and TLS in words; run under MicroPython by test_mqtt_line.py."""

import errno

from device.core.failures import AGAIN, GIVE_UP, Refused
from device.port import causes


def test_lookups_that_failed_on_every_port():
    for number in (-2, -6, -202, "[addrinfo error -2]"):
        found = causes.of_connect(OSError(number), "a.example", 8883)
        assert found.kind == AGAIN and "cannot resolve a.example" in str(found) and "DNS" in str(found)


def test_connections_that_failed():
    for number, words in (
        (errno.ECONNREFUSED, "nothing listens"),
        (101, "cannot be reached"),
        (113, "cannot be reached"),
        (118, "cannot be reached"),
        (110, "does not answer"),
        (116, "does not answer"),
    ):
        found = causes.of_connect(OSError(number), "a.example", 8883)
        assert found.kind == AGAIN and "a.example:8883" in str(found) and words in str(found)


def test_handshakes_that_failed():
    for error, words, refused in (
        (OSError(errno.ECONNREFUSED), "nothing listens", False),
        (OSError(113), "cannot be reached", False),
        (OSError(110), "does not answer", False),
        (OSError(errno.ECONNRESET), "closed the connection during the TLS handshake", True),
        (OSError(-0x7780, "alert"), "refuses our certificate", True),
        (OSError(errno.ENOMEM), "not enough memory", False),
        (OSError(-0x10), "not enough memory", False),
        (MemoryError("x"), "not enough memory", False),
        (ValueError("The certificate validity has expired\n"), "says 2021", False),
        (ValueError("The certificate validity starts in the future\n"), "says 2021", False),
        (ValueError("... does not match with the expected CN\n"), "not for a.example", False),
        (ValueError("... not correctly signed by the trusted CA\n"), "not signed by our root CA", False),
        (ValueError("invalid key"), "cannot be used (invalid key)", False),
    ):
        found = causes.of_tls(error, "a.example", 8883, "2021-01-01 00:00 UTC")
        assert words in str(found) and isinstance(found, Refused) == refused, str(found)


def test_flash():
    for number in (28, -28):
        found = causes.of_store(OSError(number), "/a")
        assert found.kind == GIVE_UP and "flash is full at /a" in str(found)
    assert "flash error 5 at /a" in str(causes.of_store(OSError(5), "/a"))
