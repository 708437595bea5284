"""The salted hash of a password: PBKDF2-HMAC-SHA256 (RFC 8018), as text in web.json.

    pbkdf2-sha256$ITERATIONS$SALT$HASH        salt and hash in hexadecimal

Computed in steps, because a microcontroller takes half a second and has other work to do meanwhile.
"""

import binascii
import hashlib

_SCHEME = "pbkdf2-sha256"
_BLOCK_BYTES = 64  # of SHA-256
_HASH_BYTES = 32
_MIN_SALT_BYTES = 8
_MAX_SALT_BYTES = 32
MAX_ITERATIONS = 20000  # an RP2040 takes 25 s for it
_STEP = 25  # iterations without a break: 20 to 50 ms on an RP2040
MAX_BYTES = 64  # of a password


def parsed(text):
    """(iterations, salt, hash) of a hash as text, or None when it is not one."""
    parts = text.split("$")
    if len(parts) != 4 or parts[0] != _SCHEME or not parts[1].encode().isdigit() or len(parts[1]) > 6:
        return None
    try:
        salt, digest = binascii.unhexlify(parts[2]), binascii.unhexlify(parts[3])
    except ValueError:
        return None
    if not 0 < int(parts[1]) <= MAX_ITERATIONS or len(digest) != _HASH_BYTES:
        return None
    return (int(parts[1]), salt, digest) if _MIN_SALT_BYTES <= len(salt) <= _MAX_SALT_BYTES else None


def text(iterations, salt, digest):
    """The hash as text; the opposite of `parsed`."""
    return "%s$%d$%s$%s" % (
        _SCHEME,
        iterations,
        binascii.hexlify(salt).decode(),
        binascii.hexlify(digest).decode(),
    )


def steps(password, iterations, salt):
    """Generate None after each step of the work, then the hash of `password` (bytes, at most MAX_BYTES)."""
    key = password + bytes(_BLOCK_BYTES - len(password))
    inner_key = bytes([byte ^ 0x36 for byte in key])
    outer_key = bytes([byte ^ 0x5C for byte in key])
    part = salt + b"\0\0\0\1"
    found = 0
    for number in range(iterations):
        inner = hashlib.sha256(inner_key)
        inner.update(part)
        outer = hashlib.sha256(outer_key)
        outer.update(inner.digest())
        part = outer.digest()
        found ^= int.from_bytes(part, "big")
        if number % _STEP == _STEP - 1:
            yield None
    yield found.to_bytes(_HASH_BYTES, "big")


def same(one, other):
    """Whether two byte strings are equal, in a time that does not tell where they differ."""
    if len(one) != len(other):
        return False
    difference = 0
    for at in range(len(one)):
        difference |= one[at] ^ other[at]
    return not difference
