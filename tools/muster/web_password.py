"""The password of a board's web page: made, read from a file, and hashed as the board stores it.

An RP2040 computes the hash at each log-in, so it has few iterations. It protects a password of 60 random bits
well, and a person's own one only as well as it is long.
"""

import hashlib
import secrets
from pathlib import Path

from device.core import claim_ids, passwords
from muster.errors import MusterError

ITERATIONS = 400  # 0.5 s on the firmware of a Pico W in an emulator, half of it for collecting garbage
SYMBOLS = 12  # 60 bits
MIN_CHARACTERS = 8
_ALPHABET = claim_ids.ALPHABET.lower()  # nothing to mistake on a label
_SALT = b"muster web salt 1"
_SALT_BYTES = 16


def spelled(number: int) -> str:
    """The lower 60 bits of `number` as xxxx-xxxx-xxxx."""
    text = "".join(_ALPHABET[number >> 5 * place & 31] for place in range(SYMBOLS))
    return "-".join(text[at : at + 4] for at in range(0, SYMBOLS, 4))


def random_password() -> str:
    """A new one."""
    return spelled(secrets.randbits(5 * SYMBOLS))


def read(path: Path) -> str:
    """The password in the first line of a file. Raises MusterError when it cannot be one."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise MusterError(f"the web password {path} cannot be read ({why}).") from None
    password = lines[0].strip() if lines else ""
    if len(password) < MIN_CHARACTERS or len(password.encode()) > passwords.MAX_BYTES or len(lines) > 1:
        raise MusterError(
            f"the web password {path} must be one line of at least {MIN_CHARACTERS} characters and at most "
            f"{passwords.MAX_BYTES} bytes."
        )
    return password


def hashed(password: str, salted_with: str | bytes) -> str:
    """The hash as it stands in web.json.

    `salted_with`: what differs from board to board, such as its name. The same image comes out each time.
    """
    own = salted_with.encode() if isinstance(salted_with, str) else salted_with
    salt = hashlib.sha256(_SALT + b"\0" + own).digest()[:_SALT_BYTES]
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    return passwords.text(ITERATIONS, salt, digest)
