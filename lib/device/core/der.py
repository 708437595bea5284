"""DER (ITU-T X.690): tags, object identifiers, an encoder, and a strict reader, safe on untrusted input.

The reader accepts only definite, minimal lengths and one-byte tags, copies nothing until asked, and raises
ValueError for anything else. It is not recursive, so nesting cannot exhaust the stack.
"""

INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OID = 0x06
UTF8_STRING = 0x0C
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
SEQUENCE = 0x30
SET = 0x31
CONTEXT = 0xA0  # constructed; add the number of the tag

# Contents of the object identifiers that keys, requests and certificates share.
OID_EC_PUBLIC_KEY = b"\x2a\x86\x48\xce\x3d\x02\x01"  # 1.2.840.10045.2.1
OID_P256 = b"\x2a\x86\x48\xce\x3d\x03\x01\x07"  # 1.2.840.10045.3.1.7
OID_RSA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"  # 1.2.840.113549.1.1.1


def element(tag, *contents):
    """Return one element: `tag`, the length and the concatenated `contents`."""
    length = 0
    for content in contents:
        length += len(content)
    if length < 0x80:
        head = bytes((tag, length))
    elif length < 0x100:
        head = bytes((tag, 0x81, length))
    elif length < 0x10000:
        head = bytes((tag, 0x82, length >> 8, length & 0xFF))
    else:
        raise ValueError("DER: an element of %d bytes is too long" % length)
    return head + b"".join(contents)


def sequence(*parts):
    """Return a SEQUENCE of encoded `parts`."""
    return element(SEQUENCE, *parts)


def set_of(part):
    """Return a SET with one encoded `part` (several would have to be sorted)."""
    return element(SET, part)


def context(number, *parts):
    """Return the constructed context-specific element `[number]`."""
    return element(CONTEXT + number, *parts)


def oid(content):
    """Return an OBJECT IDENTIFIER from its encoded content, such as `OID_P256`."""
    return element(OID, content)


def octet_string(content):
    """Return an OCTET STRING."""
    return element(OCTET_STRING, content)


def bit_string(content):
    """Return a BIT STRING of whole bytes."""
    return element(BIT_STRING, b"\x00", content)


def utf8_string(text):
    """Return a UTF8String."""
    return element(UTF8_STRING, text.encode())


def integer(value):
    """Return an INTEGER; ValueError when `value` is negative."""
    if value < 0:
        raise ValueError("DER: negative integers are not supported")
    length = 1
    while value >> (8 * length - 1):  # the first bit is the sign and stays 0
        length += 1
    return element(INTEGER, value.to_bytes(length, "big"))


class Reader:
    """Reads the elements of `data[at:end]` in order.

    `data` is bytes. Every method raises ValueError when the next element is missing, is not
    DER, extends past the end, or is not the expected one.
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
        content = self.take(INTEGER)
        if not content or content[0] & 0x80:
            raise ValueError("DER: integer is empty or negative")
        if content[0]:
            return content
        if len(content) > 1 and not content[1] & 0x80:
            raise ValueError("DER: integer is not in its shortest form")
        return content[1:]

    def bits(self):
        """Take a BIT STRING of whole bytes; return them."""
        content = self.take(BIT_STRING)
        if not content or content[0]:
            raise ValueError("DER: bit string without whole bytes")
        return content[1:]

    def done(self):
        """Raise ValueError unless everything has been read."""
        if self._at != self._end:
            raise ValueError("DER: %d bytes after the end" % (self._end - self._at))

    def _next(self, tag):
        data = self._data
        at = self._at + 2
        if at > self._end:
            raise ValueError("DER: truncated")
        if data[at - 2] != tag or tag & 0x1F == 0x1F:
            raise ValueError("DER: unexpected tag 0x%02x" % data[at - 2])
        length = data[at - 1]
        if length >= 0x80:
            count = length & 0x7F
            if not 1 <= count <= 3 or at + count > self._end:
                raise ValueError("DER: length is indefinite, too long or truncated")
            length = int.from_bytes(data[at : at + count], "big")
            if length < 0x80 or length >> (8 * (count - 1)) == 0:
                raise ValueError("DER: length is not in its shortest form")
            at += count
        if length > self._end - at:
            raise ValueError("DER: truncated, %d bytes missing" % (length - (self._end - at)))
        self._at = at + length
        return at, at + length
