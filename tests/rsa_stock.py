"""RSA keys for the twins of the tests: kept from run to run and shared by all processes that run tests.

A key costs about 60 ms of processor, and a twin makes several before it is asked for one: without the stock
a third of the time of all tests would be spent on primes.
"""

import itertools
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

SIZE = 128  # more than any twin of a test hands out
_generate = rsa.generate_private_key


class Stock:
    """Hands out the keys of the folder in turn; makes them while there are fewer than `size`."""

    def __init__(self, folder: Path, size: int = SIZE) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._size = size
        self._keys = self._in_turn()
        self._one_at_a_time = threading.Lock()

    def take(self, public_exponent: int = 65537, key_size: int = 2048) -> rsa.RSAPrivateKey:
        """Stands in for `rsa.generate_private_key`; the same key comes again after `size` others."""
        if (public_exponent, key_size) != (65537, 2048):
            return _generate(public_exponent=public_exponent, key_size=key_size)
        with self._one_at_a_time:
            return next(self._keys)

    def _in_turn(self) -> Iterator[rsa.RSAPrivateKey]:
        keys: dict[str, rsa.RSAPrivateKey] = {}
        while len(keys) < self._size:
            names = sorted(path.name for path in self._folder.glob("*.der"))
            name = next((name for name in names if name not in keys), None) or self._make()
            keys[name] = self._load(name)
            yield keys[name]
        yield from itertools.cycle(keys.values())

    def _load(self, name: str) -> rsa.RSAPrivateKey:
        key = serialization.load_der_private_key(
            (self._folder / name).read_bytes(), None, unsafe_skip_rsa_key_validation=True
        )
        assert isinstance(key, rsa.RSAPrivateKey)
        return key

    def _make(self) -> str:
        key = _generate(public_exponent=65537, key_size=2048)
        path = self._folder / f"{secrets.token_hex(8)}.der"
        part = path.with_suffix(".part")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(
                key.private_bytes(
                    serialization.Encoding.DER,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
        part.replace(path)
        return path.name
