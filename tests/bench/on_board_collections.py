"""Runs on the 32-bit interpreter: counts the collections of garbage, the automatic ones as well.

MicroPython 1.25 tells nobody of a collection, and calls no `__del__` of a class in Python. But it closes
a TLS socket that nobody holds any more, and that closes the stream below, which can be Python's. So there
is a row of sockets that were never used; each collection closes one, and the one that closes lets go of
the next for the following collection. Nothing is allocated on the way, as it must not be then.
"""

import io

import tls

_MOST = 400
_CLOSE = 4


class _Stream(io.IOBase):
    def __init__(self):
        self.row = [None] * _MOST
        self.count = 0

    def ioctl(self, request, _argument):
        if request == _CLOSE:
            self.count += 1
            if self.count < _MOST:
                self.row[self.count] = None
        return 0

    def fill(self):
        """Fill the row, and let go of its first."""
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_NONE
        for at in range(_MOST):
            self.row[at] = context.wrap_socket(self, do_handshake_on_connect=False)
        self.row[0] = None


stream = _Stream()
stream.fill()
