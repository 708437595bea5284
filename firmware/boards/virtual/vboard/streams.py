"""TCP as in a Pico W's lwIP; loaded only for STACK=lwip and the `stuck` modes of the network.

Differences from the host's sockets, measured on a Pico W:
- A refused connection is ECONNRESET, at the first read or write; before that, poll reports OUT, ERR and HUP.
- A connection ends with the join it was opened on: reads and writes raise EHOSTUNREACH. poll does not wake
  a waiting reader: a lost network is noticed at the next write.
- A reset discards unread data.
"""

import errno
import io
import select

import network
import usocket
import utime

import vboard

_IN, _OUT, _BROKEN = 1, 4, 24  # as select has them; ERR and HUP
_POLL, _CLOSE = 3, 4  # requests of ioctl
_UNREACHABLE = 118 if vboard.setting("KIND") == "esp32" else errno.EHOSTUNREACH


class Stream(io.IOBase):
    """A TCP socket. C (tls, select) and Python call the same methods."""

    def __init__(self, *kind, accepted=None):
        self._socket = accepted or usocket.socket(*kind)
        self._socket.setblocking(False)
        self._poller = select.poll()
        self._poller.register(self._socket)
        self._limit_ms = None
        self._find_link = network.any_link if accepted else network.link
        self._link = self._find_link() if accepted else None  # the join that it was opened on
        self._open = bool(accepted)
        self._listens = False
        self._error = 0

    def setblocking(self, on):
        """Block, or do not."""
        self._limit_ms = None if on else 0

    def settimeout(self, seconds):
        """Block for this long; None means for ever."""
        self._limit_ms = None if seconds is None else int(seconds * 1000)

    def setsockopt(self, *option):
        """As in MicroPython."""
        self._socket.setsockopt(*option)

    def fileno(self):
        """The host socket's."""
        return self._socket.fileno()

    def connect(self, address):
        """Connect, and wait for the result if the socket blocks."""
        vboard.check()
        self._link = network.link()
        if self._link is None:
            raise OSError(_UNREACHABLE)
        if not network.is_stuck():
            try:
                self._socket.connect(address)
            except OSError as error:
                if error.errno != errno.EINPROGRESS:
                    self._error = _as_lwip(error.errno)
        if self._limit_ms == 0:
            raise OSError(errno.EINPROGRESS)
        self._wait(_OUT)

    def bind(self, address):
        """Take an address."""
        self._socket.bind(address)

    def listen(self, backlog=2):
        """Wait for clients, on whatever network there is or will be."""
        self._socket.listen(backlog)
        self._listens = True

    def accept(self):
        """The next client: (stream, address)."""
        plug, address = self._socket.accept()
        return Stream(accepted=plug), address

    def ioctl(self, request, argument):
        """MicroPython's stream control."""
        if request == _POLL:
            return self._poll(argument)
        if request == _CLOSE:
            self.close()
            return 0
        return -errno.EINVAL

    def close(self):
        """Close; may be repeated."""
        if self._error != errno.EBADF:
            self._error = errno.EBADF
            self._socket.close()

    def readinto(self, buffer):
        """Return the number of bytes read, 0 at the end, None when there are none yet."""
        return self._do(_IN, self._socket.readinto, buffer)

    def write(self, data):
        """Return the number of bytes written, None when none can be."""
        if self._wait(_OUT) and network.is_stuck():
            return len(data)
        return self._do(_OUT, self._socket.write, data)

    def read(self, size=-1):
        """At most `size` bytes, b"" at the end, None when there are none yet."""
        buffer = bytearray(size if size >= 0 else 512)
        count = self.readinto(buffer)
        return None if count is None else bytes(memoryview(buffer)[:count])

    def readline(self):
        """Read to the end of a line, or what there is of it."""
        line = b""
        while line[-1:] != b"\n":
            letter = self.read(1)
            if not letter:
                return line or letter
            line += letter
        return line

    def recv(self, size):
        """Like `read`, but raises an error when there is nothing yet."""
        return _demand(self.read(size))

    def send(self, data):
        """Like `write`, but raises an error when there is no room."""
        return _demand(self.write(data))

    def _do(self, flag, call, argument):
        if not self._wait(flag):
            return None
        try:
            return call(argument)
        except OSError as error:
            self._error = _as_lwip(error.errno)
            raise OSError(self._error)

    def _wait(self, flag):
        """Wait for `flag` within the socket's time-out; return whether it came. Raises the socket's error."""
        start = utime.ticks_ms()
        while True:
            found = self._poll(flag)
            if not self._error and self._find_link() != self._link:
                self._error = _UNREACHABLE
            if self._error:
                raise OSError(self._error)
            if found & flag:
                return True
            if self._limit_ms == 0:
                return False
            if self._limit_ms is not None and utime.ticks_diff(utime.ticks_ms(), start) >= self._limit_ms:
                raise OSError(errno.ETIMEDOUT)
            utime.sleep_ms(2)

    def _poll(self, wanted):
        """The flags that poll reports."""
        vboard.check(False)
        if self._error:
            return wanted & _OUT | _BROKEN
        if self._listens:
            ready = self._poller.poll(0)
            return ready[0][1] & wanted if ready and not network.is_stuck() else 0
        if self._link is None:
            return _BROKEN & 16
        if network.is_stuck() or self._find_link() != self._link:
            return wanted & _OUT if self._open else 0
        ready = self._poller.poll(0)
        flags = ready[0][1] if ready else 0
        if flags & 8:
            self._error = self._cause()
            return wanted & _OUT | _BROKEN
        self._open = self._open or bool(flags & _OUT)
        return flags & wanted

    def _cause(self):
        try:
            self._socket.recv(1)
        except OSError as error:
            return _as_lwip(error.errno)
        return errno.ECONNRESET


def _as_lwip(number):
    """The host's error with lwIP's number."""
    if number in (errno.EHOSTUNREACH, 101):  # ENETUNREACH
        return _UNREACHABLE
    return number if number == errno.ETIMEDOUT else errno.ECONNRESET


def _demand(result):
    if result is None:
        raise OSError(errno.EAGAIN)
    return result
