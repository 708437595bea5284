"""Errors of sockets and TLS, translated into a Failure with a cause that people understand.

Only loaded when something has failed. The numbers differ: lwIP on a Pico W reports a refused connection as
104, never as 111 (measured), and the ESP32 has newlib's numbers.
"""

import errno

from device.core.failures import AGAIN, GIVE_UP, Failure, Lost, Refused, WrongDates

_UNREACHABLE = (101, 113, 114, 118, 128)  # network, host, not connected: Linux and lwIP, newlib on ESP32
_TIMED_OUT = (110, 116)
_TLS_ALERT = -0x7780
_TLS_NO_MEMORY = (-0x7F00, -0x10, -0x3F80)  # Mbed TLS: SSL, big numbers, keys
_LITTLE_MEMORY = 8192  # with less free, a signature that cannot be checked is no proof of a wrong root CA


def of_lookup(host, error):
    """The Failure for a name that no server knows, or that nobody answered for."""
    if isinstance(error, ValueError):
        return Failure(AGAIN, "there is no address for %s (%s)" % (host, error), "check the endpoint")
    return Lost(AGAIN, "cannot resolve %s (%s)" % (host, error), "the name server does not answer")


def of_connect(error, where):
    """The Failure for a TCP connection that did not come about, or that the network broke."""
    number = error.errno
    if number in (errno.ECONNREFUSED, errno.ECONNRESET):
        return refuses(where)
    if number in _UNREACHABLE:
        return Lost(AGAIN, "%s cannot be reached" % where, "check network and router")
    if number == errno.ENOMEM:
        return memory()
    return no_answer(where)


def refuses(where):
    """The Failure for a port on which nobody listens."""
    return Failure(AGAIN, "%s refuses connections: nothing listens on that port" % where)


def no_answer(where):
    """The Failure for a server that says nothing."""
    return Lost(AGAIN, "%s does not answer" % where, "check address, firewall and network")


def of_tls(error, host, where, date, free_bytes):
    """The Failure for a failed handshake, after which `free_bytes` were free on the heap.

    `date` is the board's idea of the time, as text.
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
        return Refused(AGAIN, "the server refuses our certificate (TLS alert)")
    return closed("during the TLS handshake (error %s)" % number)


def _not_verified(text, host, date, free_bytes):
    """The Failure for what Mbed TLS says when it does not trust the server, or cannot use our files."""
    words = text.lower()
    if "validity" in words:
        return WrongDates(
            AGAIN,
            "the dates of %s's certificate do not fit the clock, which says %s" % (host, date),
            "if the clock is wrong, let NTP through; if it is right, the server's certificate is out of date",
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
    return Failure(AGAIN, "not enough memory for a TLS connection", "switch services off")


def closed(when):
    """The Failure for a connection that the server ended."""
    return Refused(AGAIN, ("the server closed the connection " + when).rstrip())


def broken(error):
    """The Failure for an error on an open connection: the server's doing, the network's, or ours."""
    number = errno.ENOMEM if isinstance(error, MemoryError) else error.errno
    if number == errno.ENOMEM or number in _TLS_NO_MEMORY:
        return Failure(AGAIN, "not enough memory to go on with the connection", "switch services off")
    if number in _UNREACHABLE or number in _TIMED_OUT:
        return Lost(AGAIN, "the network broke the connection (error %s)" % number)
    return closed("(error %s)" % number)
