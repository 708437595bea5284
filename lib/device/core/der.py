"""DER (ITU-T X.690): tags, object identifiers and a small encoder. Reading is in `der_reader`."""

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
    """Return one element: `tag`, the length, and `contents` one after the other."""
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
        raise ValueError("DER: negative integers are not written here")
    length = 1
    while value >> (8 * length - 1):  # the first bit is the sign and stays 0
        length += 1
    return element(INTEGER, value.to_bytes(length, "big"))
