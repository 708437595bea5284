"""HMAC-SHA256 (RFC 2104), which MicroPython's firmware lacks."""

import hashlib

_BLOCK_SIZE = 64  # of SHA-256, in bytes


def hmac_sha256(key, message):
    """Return the 32-byte HMAC-SHA256 of `message` under `key`, which may have any length."""
    if len(key) > _BLOCK_SIZE:
        key = hashlib.sha256(key).digest()
    key = bytes(key) + bytes(_BLOCK_SIZE - len(key))
    inner = hashlib.sha256(bytes([byte ^ 0x36 for byte in key]))
    inner.update(message)
    outer = hashlib.sha256(bytes([byte ^ 0x5C for byte in key]))
    outer.update(inner.digest())
    return outer.digest()
