"""Errors of sockets, TLS and flash, translated into Failure with a cause that people understand."""

import errno

from device.core.failures import AGAIN, GIVE_UP, Failure, Refused

_ENOSPC = 28
_UNREACHABLE = (101, 113, 114, 118)  # network, host: Linux and lwIP, newlib on ESP32
_TIMED_OUT = (110, 116)
_TLS_ALERT = -0x7780
_TLS_NO_MEMORY = (-0x7F00, -0x10, -0x3F80)  # Mbed TLS: SSL, big numbers, keys


def of_store(error, path):
    """The Failure for an OSError of the file system at `path`."""
    number = error.errno
    if number in (_ENOSPC, -_ENOSPC):
        return Failure(GIVE_UP, "flash is full at %s" % path, "remove files that are not needed")
    return Failure(AGAIN, "flash error %s at %s" % (number, path))


def of_connect(error, host, port):
    """The Failure for a TCP connection that did not come about."""
    where = "%s:%d" % (host, port)
    number = error.errno
    # A failed look-up is a negative number on every board, and a text on the unix port.
    if not isinstance(number, int) or number < 0:
        return Failure(
            AGAIN, "cannot resolve %s (%s)" % (host, number), "check the name and the network's DNS"
        )
    if number == errno.ECONNREFUSED:
        return Failure(AGAIN, "%s refuses connections: nothing listens on that port" % where)
    if number in _UNREACHABLE:
        return Failure(AGAIN, "%s cannot be reached" % where, "check network and router")
    return no_answer(where)


def no_answer(where):
    """The Failure for a server that says nothing."""
    return Failure(AGAIN, "%s does not answer" % where, "check address, firewall and network")


def of_tls(error, host, port, date):
    """The Failure for a failed handshake; `date` is the board's idea of the time, as text."""
    if isinstance(error, MemoryError):
        return memory()
    if isinstance(error, ValueError):
        return _not_verified(str(error).strip(), host, date)
    number = error.errno
    if number == errno.ENOMEM or number in _TLS_NO_MEMORY:
        return memory()
    if number == errno.ECONNREFUSED or number in _UNREACHABLE or number in _TIMED_OUT:
        return of_connect(error, host, port)
    if number == _TLS_ALERT:
        return Refused("the server refuses our certificate (TLS alert)")
    return closed("during the TLS handshake (error %s)" % number)


def _not_verified(text, host, date):
    """The Failure for what Mbed TLS says when it does not trust the server, or cannot use our files."""
    words = text.lower()
    if "validity" in words:
        return Failure(
            AGAIN,
            "the dates of %s's certificate do not fit the clock, which says %s" % (host, date),
            "if the clock is wrong, let NTP through; if it is right, the server's certificate is out of date",
        )
    if "correctly signed" in words:
        return Failure(
            AGAIN, "the certificate of %s is not signed by our root CA" % host, "replace the root CA file"
        )
    if "match" in words:
        return Failure(AGAIN, "the server's certificate is not for %s" % host, "correct the endpoint")
    return Failure(GIVE_UP, "certificate or key cannot be used (%s)" % text, "replace the files")


def memory():
    """The Failure for a heap that is too small."""
    return Failure(AGAIN, "not enough memory for a TLS connection", "switch services off")


def closed(when):
    """The Failure for a connection that the server ended."""
    return Refused(("the server closed the connection " + when).rstrip())
