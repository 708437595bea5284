"""PEM (RFC 7468) to DER and back, for credentials that people and clouds hand over.

MicroPython before 1.29 takes only DER on the Pico W, AWS IoT hands out PEM, so files are converted
before use. The reader forgives what tools and editors do (CRLF, text around the block, no last line
end) and refuses what would fail later in the handshake with a message that helps nobody.
"""

import binascii

CERTIFICATE = "CERTIFICATE"
PRIVATE_KEY = "PRIVATE KEY"
EC_PRIVATE_KEY = "EC PRIVATE KEY"
CERTIFICATE_REQUEST = "CERTIFICATE REQUEST"

_BEGIN = b"-----BEGIN "
_END = b"-----END "
_DASHES = b"-----"
_MOST_BYTES = 64 * 1024  # of one text: no credential of a board comes near
_MOST_BLOCKS = 64
_LINE_BYTES = 48  # make 64 characters


def to_der(source, label=None):
    """Return the DER bytes of the first PEM block in `source` (str, bytes or bytearray).

    With `label` the first block whose label is that, or ends in it: "PRIVATE KEY" finds
    "EC PRIVATE KEY" and passes over "EC PARAMETERS". DER is returned unchanged. Raises ValueError,
    which names the reason and never the content, when there is neither.
    """
    return _blocks(source, label, 1)[0]


def all_der(source, label=CERTIFICATE):
    """Return the DER bytes of every block of `label` in `source`, such as a bundle of CA certificates.

    Raises ValueError as `to_der` does, also when there is no such block.
    """
    return _blocks(source, label, _MOST_BLOCKS)


def from_der(der, label):
    """Return `der` as PEM text with lines of 64 columns and a last line end."""
    lines = ["-----BEGIN %s-----\n" % label]
    for at in range(0, len(der), _LINE_BYTES):
        lines.append(binascii.b2a_base64(der[at : at + _LINE_BYTES]).decode())
    lines.append("-----END %s-----\n" % label)
    return "".join(lines)


def _blocks(source, label, most):
    data = source.encode() if isinstance(source, str) else source
    if not data:
        raise ValueError("PEM: empty")
    if len(data) > _MOST_BYTES:
        raise ValueError("PEM: %d bytes are too many for keys and certificates" % len(data))
    if data[0] == 0x30 and _is_one_element(data):
        return [bytes(data)]
    found = []
    other = None
    at = data.find(_BEGIN)
    while at >= 0 and len(found) < most:
        name, start, stop, at = _next_block(data, at)
        if label is None or name == label or name.endswith(" " + label):
            found.append(_decode(data, start, stop, name))
        else:
            other = name
        at = data.find(_BEGIN, at)
    if found:
        return found
    if other:
        raise ValueError("PEM: no %s, but a %s" % (label, other))
    if data[0] == 0x30:
        raise ValueError("DER: cut short, or followed by other bytes")
    raise ValueError("neither PEM (no BEGIN line) nor DER")


def _next_block(data, at):
    """Return label, start and stop of the base64 text, and where to go on, of the block at `at`."""
    start = at + len(_BEGIN)
    stop = data.find(_DASHES, start)
    if not 0 < stop - start <= 64:
        raise ValueError("PEM: BEGIN line cut short")
    name = bytes(data[start:stop])
    start = stop + len(_DASHES)
    stop = data.find(_END + name + _DASHES, start)
    if stop < 0:
        raise ValueError("PEM: cut short, its END line is missing")
    try:
        return name.decode(), start, stop, stop + len(_END)
    except UnicodeError:
        raise ValueError("PEM: label is not text") from None


def _decode(data, start, stop, name):
    if name.startswith("ENCRYPTED ") or data.find(b"ENCRYPTED", start, stop) >= 0:
        raise ValueError("PEM: %s is encrypted; a board needs it without a password" % name)
    if data.find(b"\\", start, stop) >= 0:
        raise ValueError("PEM: %s holds \\n as two characters instead of line ends" % name)
    try:
        der = binascii.a2b_base64(memoryview(data)[start:stop])
    except ValueError:
        raise ValueError("PEM: %s is not whole base64" % name) from None
    if not _is_one_element(der):
        raise ValueError("PEM: %s is damaged: its length is not the one it states" % name)
    return der


def _is_one_element(data):
    """Whether `data` is one DER element from its first byte to its last."""
    if len(data) < 2 or not data[0] & 0x1F:
        return False
    count = data[1] - 0x80
    if count < 0:
        return len(data) == 2 + data[1]
    return 1 <= count <= 3 and len(data) == 2 + count + int.from_bytes(data[2 : 2 + count], "big")
