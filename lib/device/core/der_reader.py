"""DER (ITU-T X.690): a strict reader that fears no input.

It takes definite, minimal lengths and one-byte tags only, copies nothing until asked, and answers
anything else with ValueError. It never calls itself, so nesting costs nothing. A module of its own
because a board that makes its key needs the encoder alone, and 2 KB of heap are much there.
"""

from device.core import der


class Reader:
    """Reads the elements of `data[at:end]` one after the other.

    `data` is bytes. Every method raises ValueError when the next element is not there, is not
    DER, reaches beyond the end, or is not what was asked for.
    """

    def __init__(self, data, at=0, end=None):
        self._data = data
        self._at = at
        self._end = len(data) if end is None else end

    def tag(self):
        """Return the tag of the next element without taking it, or -1 at the end."""
        return self._data[self._at] if self._at < self._end else -1

    def enter(self, tag):
        """Take the next element, which must have `tag`; return a reader of its content."""
        start, stop = self._next(tag)
        return Reader(self._data, start, stop)

    def take(self, tag):
        """Take the next element, which must have `tag`; return its content."""
        start, stop = self._next(tag)
        return self._data[start:stop]

    def skip(self):
        """Take the next element, whatever it is."""
        self._next(self.tag())

    def unsigned(self):
        """Take a non-negative INTEGER; return its bytes without leading zeros (b"" for 0)."""
        content = self.take(der.INTEGER)
        if not content or content[0] & 0x80:
            raise ValueError("DER: integer empty or negative")
        if content[0]:
            return content
        if len(content) > 1 and not content[1] & 0x80:
            raise ValueError("DER: integer not in its shortest form")
        return content[1:]

    def bits(self):
        """Take a BIT STRING of whole bytes; return them."""
        content = self.take(der.BIT_STRING)
        if not content or content[0]:
            raise ValueError("DER: bit string without whole bytes")
        return content[1:]

    def done(self):
        """Raise ValueError when anything is left."""
        if self._at != self._end:
            raise ValueError("DER: %d bytes after the end" % (self._end - self._at))

    def _next(self, tag):
        data = self._data
        at = self._at + 2
        if at > self._end:
            raise ValueError("DER: cut short")
        if data[at - 2] != tag or tag & 0x1F == 0x1F:
            raise ValueError("DER: tag 0x%02x where another was expected" % data[at - 2])
        length = data[at - 1]
        if length >= 0x80:
            count = length & 0x7F
            if not 1 <= count <= 3 or at + count > self._end:
                raise ValueError("DER: length indefinite, too long or cut short")
            length = int.from_bytes(data[at : at + count], "big")
            if length < 0x80 or length >> (8 * (count - 1)) == 0:
                raise ValueError("DER: length not in its shortest form")
            at += count
        if length > self._end - at:
            raise ValueError("DER: cut short, %d bytes missing" % (length - (self._end - at)))
        self._at = at + length
        return at, at + length
