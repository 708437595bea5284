"""TLS contexts for mutual TLS from PEM texts in memory, the server verified always.

Python's ssl reads a certificate and its key from a file only. On Linux that file is a piece of memory without
a name, elsewhere a file with mode 0600 in a folder of its own, removed at once.
"""

import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path

from device.core import paths
from device.core.failures import GIVE_UP, Failure


def context(root_ca: bytes, certificate: bytes, key: bytes) -> ssl.SSLContext:
    """A client's context; three PEM strings. Raises Failure (GIVE_UP) when one of them cannot be used."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and host name
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_verify_locations(cadata=root_ca.decode())
        _load_pair(made, certificate + b"\n" + key)
    except (ssl.SSLError, ValueError) as error:
        raise Failure(GIVE_UP, f"certificate or key cannot be used ({error})", "replace the files") from error
    return made


def _load_pair(made: ssl.SSLContext, pair: bytes) -> None:
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("identity", os.MFD_CLOEXEC), "wb", buffering=0) as file:
            file.write(pair)
            made.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
        return
    with tempfile.TemporaryDirectory() as folder:  # mode 0700
        path = Path(folder) / "identity"
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(pair)
        made.load_cert_chain(path)


class Contexts:
    """Makes contexts; that of the claim credentials, which all boards share, only once."""

    def __init__(self, claim_certificate: bytes) -> None:
        self._claim_certificate = claim_certificate
        self._claim: ssl.SSLContext | None = None

    def of(self, files: Mapping[str, bytes]) -> ssl.SSLContext:
        """The context for the files of an identity: file name -> PEM."""
        if files[paths.CERTIFICATE] == self._claim_certificate:
            self._claim = self._claim or _of(files)
            return self._claim
        return _of(files)


def _of(files: Mapping[str, bytes]) -> ssl.SSLContext:
    return context(files[paths.ROOT_CA], files[paths.CERTIFICATE], files[paths.PRIVATE_KEY])
