"""PEM (RFC 7468) to DER and back, for credentials from people and clouds.

MicroPython before 1.29 accepts only DER on the Pico W, but AWS IoT issues PEM, so files are converted
before use. The reader tolerates what tools and editors do (CRLF, text around the block, no final line
break) and rejects what would fail later, in the handshake, with an unhelpful message.
"""

import binascii

CERTIFICATE = "CERTIFICATE"
PRIVATE_KEY = "PRIVATE KEY"
EC_PRIVATE_KEY = "EC PRIVATE KEY"
CERTIFICATE_REQUEST = "CERTIFICATE REQUEST"

_BEGIN = b"-----BEGIN "
_END = b"-----END "
_DASHES = b"-----"
_MOST_BYTES = 64 * 1024  # of one file: far more than any credential needs
_MOST_BLOCKS = 64
_LINE_BYTES = 48  # become 64 characters


def to_der(source, label=None):
    """Return the DER bytes of the first PEM block in `source` (str, bytes or bytearray).

    With `label`, the first block whose label is or ends in it: "PRIVATE KEY" finds
    "EC PRIVATE KEY" and skips "EC PARAMETERS". DER is returned unchanged. Raises ValueError
    when there is neither; its text gives the reason, never the content.
    """
    return _blocks(source, label, 1)[0]


def all_der(source, label=CERTIFICATE):
    """Return the DER bytes of every block of `label` in `source`, such as a bundle of CA certificates.

    Raises ValueError like `to_der`, also when there is no such block.
    """
    return _blocks(source, label, _MOST_BLOCKS)


def from_der(der, label):
    """Return `der` as PEM text with lines of 64 columns and a final line break."""
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
        raise ValueError("PEM: %d bytes is too large" % len(data))
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
        raise ValueError("PEM: expected %s, found %s" % (label, other))
    if data[0] == 0x30:
        raise ValueError("DER: truncated, or followed by other bytes")
    raise ValueError("neither PEM (no BEGIN line) nor DER")


def _next_block(data, at):
    """Return label, start and stop of the base64 text, and where to continue, of the block at `at`."""
    start = at + len(_BEGIN)
    stop = data.find(_DASHES, start)
    if not 0 < stop - start <= 64:
        raise ValueError("PEM: truncated BEGIN line")
    name = bytes(data[start:stop])
    start = stop + len(_DASHES)
    stop = data.find(_END + name + _DASHES, start)
    if stop < 0:
        raise ValueError("PEM: truncated, no END line")
    try:
        return name.decode(), start, stop, stop + len(_END)
    except UnicodeError:
        raise ValueError("PEM: label is not UTF-8") from None


def _decode(data, start, stop, name):
    if name.startswith("ENCRYPTED ") or data.find(b"ENCRYPTED", start, stop) >= 0:
        raise ValueError("PEM: %s is encrypted; remove its password" % name)
    if data.find(b"\\", start, stop) >= 0:
        raise ValueError("PEM: %s has the two characters \\n instead of line breaks" % name)
    try:
        der = binascii.a2b_base64(memoryview(data)[start:stop])
    except ValueError:
        raise ValueError("PEM: %s is not valid base64" % name) from None
    if not _is_one_element(der):
        raise ValueError("PEM: %s is damaged (wrong length)" % name)
    return der


def _is_one_element(data):
    """Whether `data` is one DER element from its first byte to its last."""
    if len(data) < 2 or not data[0] & 0x1F:
        return False
    count = data[1] - 0x80
    if count < 0:
        return len(data) == 2 + data[1]
    return 1 <= count <= 3 and len(data) == 2 + count + int.from_bytes(data[2 : 2 + count], "big")
