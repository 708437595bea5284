"""What all tests share."""

import signal
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from muster.layout import BUILD
from rsa_stock import Stock


@pytest.fixture(scope="session", autouse=True)
def rsa_keys() -> Iterator[None]:
    """No twin in the process of a test searches for primes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rsa, "generate_private_key", Stock(BUILD / "tests" / "rsa").take)
        yield


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> None:
    """Programs that the tests start get Ctrl-C also where a shell makes background jobs ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
