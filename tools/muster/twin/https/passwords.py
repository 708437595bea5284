"""Passwords of people, as the registry keeps them: scrypt with a salt of their own.

Source of the parameters: OWASP, "Password Storage Cheat Sheet" (N = 2^15, r = 8, p = 3).
"""

import binascii
import hashlib
import hmac
import secrets

MIN_CHARACTERS = 10
MAX_BYTES = 256
_LOG_N, _R, _P = 15, 8, 3
_SALT_BYTES = 16
_DIGEST_BYTES = 32
_KIND = "scrypt"


def hashed(password: str) -> str:
    """A password as it is stored. Takes about a tenth of a second."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = _scrypt(password, salt, _LOG_N, _R, _P)
    return f"{_KIND}${_LOG_N}${_R}${_P}${salt.hex()}${digest.hex()}"


NOBODY = f"{_KIND}${_LOG_N}${_R}${_P}${'00' * _SALT_BYTES}${'00' * _DIGEST_BYTES}"
"""Compared with when there is no such account, so that this takes as long."""


def matches(password: str, stored: str) -> bool:
    """Whether this is the password of that hash; a hash that is broken matches nothing."""
    try:
        kind, log_n, r, p, salt, digest = stored.split("$")
        wanted = binascii.unhexlify(digest)
        found = _scrypt(password, binascii.unhexlify(salt), int(log_n), int(r), int(p))
    except (ValueError, OverflowError):
        return False
    return kind == _KIND and hmac.compare_digest(found, wanted)


def _scrypt(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    memory = 128 * r * (1 << log_n) + (1 << 20)
    return hashlib.scrypt(
        password.encode(errors="replace"),
        salt=salt,
        n=1 << log_n,
        r=r,
        p=p,
        maxmem=memory,
        dklen=_DIGEST_BYTES,
    )
