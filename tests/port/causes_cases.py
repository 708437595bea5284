"""Errors of sockets, TLS and names in words; run under MicroPython by test_mqtt_line.py."""

import errno
import sys

from device.core.datagrams import NoSuchName
from device.core.failures import AGAIN, GIVE_UP, Failure, Lost, NoMemory, Refused, WrongDates
from device.port import causes, failing

_PLENTY = 100000


def _is(found, class_, kind, *words):
    assert type(found) is class_ and found.kind == kind, (found.__class__.__name__, found.kind, str(found))
    assert "\n" not in str(found)
    for word in words:
        assert word in str(found), str(found)


def test_lookups_that_failed():
    _is(
        causes.of_lookup("a.example", NoSuchName("no such name")),
        Failure,
        AGAIN,
        "no address found for a.example",
    )
    _is(causes.of_lookup("a.example", ValueError("code 2")), Failure, AGAIN, "(code 2)", "check the endpoint")
    for cause in ("no answer from 10.0.0.1", OSError(113)):
        _is(causes.of_lookup("a.example", cause), Lost, AGAIN, "cannot resolve a.example", str(cause))


def test_connections_that_failed():
    where = "a.example:8883"
    for number in (errno.ECONNREFUSED, errno.ECONNRESET):  # lwIP says 104 for a refused connection
        _is(causes.of_connect(OSError(number), where), Failure, AGAIN, where + " refused", "nothing listens")
    _is(causes.refuses(where), Failure, AGAIN, where + " refused", "nothing listens")
    for number in (101, 113, 114, 118, 128):
        _is(causes.of_connect(OSError(number), where), Lost, AGAIN, where + " is unreachable")
    for number in (110, 116, 5):
        _is(causes.of_connect(OSError(number), where), Lost, AGAIN, where + " does not answer", "firewall")
    _is(causes.of_connect(OSError(errno.ENOMEM), where), NoMemory, AGAIN, "not enough memory")


def _of_tls(error, free_bytes=_PLENTY):
    return causes.of_tls(error, "a.example", "a.example:8883", "2021-01-01 00:00 UTC", free_bytes)


def test_handshakes_that_failed():
    _is(_of_tls(OSError(errno.ECONNREFUSED)), Failure, AGAIN, "a.example:8883", "nothing listens")
    _is(_of_tls(OSError(113)), Lost, AGAIN, "is unreachable")
    _is(_of_tls(OSError(110)), Lost, AGAIN, "does not answer")
    for number in (errno.ECONNRESET, -0x7280, 5):
        _is(_of_tls(OSError(number)), Refused, AGAIN, "closed the connection during the TLS handshake")
    _is(_of_tls(OSError(-0x7780, "alert")), Refused, AGAIN, "refused our certificate")
    for number in (errno.ENOMEM, -0x10, -0x7F00, -0x3F80):
        _is(_of_tls(OSError(number)), NoMemory, AGAIN, "not enough memory", "switch services off")
    _is(_of_tls(MemoryError("x")), NoMemory, AGAIN, "not enough memory", "switch services off")


def test_servers_that_are_not_trusted():
    for text in ("The certificate validity has expired\n", "The certificate validity starts in the future\n"):
        _is(_of_tls(ValueError(text)), WrongDates, AGAIN, "says 2021", "NTP")
    mismatch = ValueError("... does not match with the expected CN\n")
    _is(_of_tls(mismatch), Failure, AGAIN, "not for a.example", "correct the endpoint")
    _is(_of_tls(ValueError("invalid key")), Failure, GIVE_UP, "cannot be used (invalid key)")


def test_a_signature_that_could_not_be_checked_for_want_of_memory_is_no_proof():
    error = ValueError("The certificate is not correctly signed by the trusted CA\n")
    _is(_of_tls(error), Failure, AGAIN, "not signed by our root CA", "replace the root CA file")
    _is(_of_tls(error, 5000), NoMemory, AGAIN, "not enough memory")


def test_open_connections_that_broke():
    """Lost is what the network did, Refused what the server did, and memory is ours."""
    for number in (101, 110, 113, 116, 118, 128):
        _is(causes.broken(OSError(number)), Lost, AGAIN, "the network broke", f"(error {number})")
    for number in (errno.ECONNRESET, 32, -0x7780, -0x7280):
        _is(causes.broken(OSError(number)), Refused, AGAIN, "the server closed", f"(error {number})")
    for error in (MemoryError(), OSError(errno.ENOMEM), OSError(-0x7F00), OSError(-0x10)):
        _is(causes.broken(error), NoMemory, AGAIN, "not enough memory", "switch services off")
    _is(causes.broken(OSError()), Refused, AGAIN, "the server closed")


def test_closed_and_memory():
    assert str(causes.closed("")) == "the server closed the connection"
    _is(causes.closed("instead of accepting it"), Refused, AGAIN, "connection instead of accepting it")
    _is(causes.memory(), NoMemory, AGAIN, "not enough memory for a TLS connection", "switch services off")
    _is(causes.no_answer("a:1"), Lost, AGAIN, "a:1 does not answer")


def test_the_words_are_loaded_when_something_fails():
    _is(failing.failure("closed", "now"), Refused, AGAIN, "closed the connection now")


class _Unloadable:
    """Stands for `causes` when it cannot be loaded."""

    def __init__(self, error):
        self._error = error

    def __getattr__(self, name):
        raise self._error


def _fails_without_words(error, class_, *words):
    package = sys.modules["device.port"]
    real = sys.modules["device.port.causes"]
    sys.modules["device.port.causes"] = package.causes = _Unloadable(error)
    try:
        for name, facts in (("broken", (OSError(104),)), ("of_connect", (OSError(113), "a:1"))):
            _is(failing.failure(name, *facts), class_, AGAIN, *words)
    finally:
        sys.modules["device.port.causes"] = package.causes = real


def test_too_little_memory_for_the_words_is_said_as_such():
    _fails_without_words(MemoryError(), NoMemory, "not enough memory", "switch services off")


def test_a_flash_without_the_words_is_said_as_such():
    for error in (OSError(errno.EIO), ImportError("no module named 'device.port.causes'")):
        _fails_without_words(error, Failure, "flash", "deploy the program again")
