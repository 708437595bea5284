"""Translates errors of sockets and TLS into a Failure with an understandable cause.

Loaded only after an error. The numbers differ: lwIP on a Pico W reports a refused connection as
104, never as 111 (measured), and the ESP32 has newlib's numbers.
"""

import errno

from device.core import paths
from device.core.failures import AGAIN, GIVE_UP, Failure, Lost, NoMemory, Refused, WrongDates

_UNREACHABLE = (101, 113, 114, 118, 128)  # network, host, not connected: Linux and lwIP, newlib on ESP32
_TIMED_OUT = (110, 116)
_TLS_ALERT = -0x7780
_TLS_NO_MEMORY = (-0x7F00, -0x10, -0x3F80)  # Mbed TLS: SSL, big numbers, keys
_LITTLE_MEMORY = 8192  # with less free, a failed signature check does not prove a wrong root CA


def of_lookup(host, error):
    """The Failure for an unknown name, or for a lookup without an answer."""
    if isinstance(error, ValueError):
        return Failure(AGAIN, "no address found for %s (%s)" % (host, error), "check the endpoint")
    return Lost(AGAIN, "cannot resolve %s (%s)" % (host, error), "the name server does not answer")


def of_connect(error, where):
    """The Failure for a TCP connection that was not established, or that the network broke."""
    number = error.errno
    if number in (errno.ECONNREFUSED, errno.ECONNRESET):
        return refuses(where)
    if number in _UNREACHABLE:
        return Lost(AGAIN, "%s is unreachable" % where, "check network and router")
    if number == errno.ENOMEM:
        return memory()
    return no_answer(where)


def refuses(where):
    """The Failure for a port on which nothing listens."""
    return Failure(AGAIN, "%s refused the connection: nothing listens on that port" % where)


def no_answer(where):
    """The Failure for a server that does not answer."""
    return Lost(AGAIN, "%s does not answer" % where, "check address, firewall and network")


def of_tls(error, host, where, date, free_bytes):
    """The Failure for a failed handshake, with `free_bytes` free on the heap afterwards.

    `date` is the board's time, as text.
    """
    if isinstance(error, MemoryError):
        return memory()
    if isinstance(error, ValueError):
        return _not_verified(str(error).strip(), host, date, free_bytes)
    number = error.errno
    if number == errno.ENOMEM or number in _TLS_NO_MEMORY:
        return memory()
    if number == errno.ECONNREFUSED or number in _UNREACHABLE or number in _TIMED_OUT:
        return of_connect(error, where)
    if number == _TLS_ALERT:
        return Refused(AGAIN, "the server refused our certificate (TLS alert)")
    return closed("during the TLS handshake (error %s)" % number)


def of_https(error, host, where, date, free_bytes):
    """The same for a server that is not the cloud, with the advice that fits it."""
    found = of_tls(error, host, where, date, free_bytes)
    if isinstance(error, ValueError) and type(found) is Failure and found.kind == AGAIN:
        cause = found.cause.replace("our root CA", "a root CA of this board")
        return Failure(AGAIN, cause, "correct the address, or put the server's root CA into " + paths.ROOTS)
    if found.cause.startswith("the server refused our certificate"):
        return Refused(AGAIN, "%s ended the TLS handshake (alert); it may demand a certificate" % where)
    return found


def _not_verified(text, host, date, free_bytes):
    """The Failure for Mbed TLS's error when it does not trust the server, or cannot use our files."""
    words = text.lower()
    if "validity" in words:
        return WrongDates(
            AGAIN,
            "the certificate of %s is not valid now (the clock says %s)" % (host, date),
            "if the clock is wrong, allow NTP; if it is right, renew the server's certificate",
        )
    if "correctly signed" in words:
        if free_bytes < _LITTLE_MEMORY:
            return memory()
        cause = "the certificate of %s is not signed by our root CA" % host
        return Failure(AGAIN, cause, "replace the root CA file")
    if "match" in words:
        return Failure(AGAIN, "the server's certificate is not for %s" % host, "correct the endpoint")
    return Failure(GIVE_UP, "certificate or key cannot be used (%s)" % text, "replace the files")


def memory():
    """The Failure for a heap that is too small."""
    return NoMemory(AGAIN, "not enough memory for a TLS connection", "switch services off")


def closed(when):
    """The Failure for a connection that the server closed."""
    return Refused(AGAIN, ("the server closed the connection " + when).rstrip())


def broken(error):
    """The Failure for an error on an open connection, caused by the server, the network or this board."""
    number = errno.ENOMEM if isinstance(error, MemoryError) else error.errno
    if number == errno.ENOMEM or number in _TLS_NO_MEMORY:
        return NoMemory(AGAIN, "not enough memory to keep the connection", "switch services off")
    if number in _UNREACHABLE or number in _TIMED_OUT:
        return Lost(AGAIN, "the network broke the connection (error %s)" % number)
    return closed("(error %s)" % number)
