"""Credentials that cannot belong to an endpoint are refused before a board is flashed with them."""

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from device.core import paths
from muster.errors import WRONG_USE, MusterError
from muster.image import authority
from muster.twin import pki
from muster.twin.settings import Home

AMAZON_ROOT = (Path(__file__).parents[1] / "golden/aws/AmazonRootCA1.pem").read_bytes()  # as published
AWS_ISSUER = "OU=Amazon Web Services,O=Amazon.com Inc.,L=Seattle,ST=Washington,C=US"
AWS = "abc123-ats.iot.eu-west-1.amazonaws.com"
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def twin_in(folder: Path, host: str) -> tuple[bytes, bytes]:
    """(CA, claim certificate) of a new twin that answers to `host`."""
    twin = pki.Authority(Home(folder), "ec")
    twin.ensure_server(host)
    _, claim = twin.issue(pki.new_key("ec").public_key(), START.timestamp(), 2 * START.timestamp())
    return Home(folder).ca_pem.read_bytes(), claim.encode()


def certificate(issuer: str, subject: str = "CN=AWS IoT Certificate") -> bytes:
    """A certificate; names are written as in RFC 4514."""
    key = pki.new_key("ec")
    of, by = x509.Name.from_rfc4514_string(subject), x509.Name.from_rfc4514_string(issuer)
    builder = x509.CertificateBuilder(by, of, key.public_key(), 1, START, START.replace(year=2049))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def known(home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Root CAs and claim certificates by whose they are."""
    own_ca, own_claim = twin_in(home, "192.168.1.10")
    other_ca, other_claim = twin_in(tmp_path_factory.mktemp("other"), "localhost")
    return {
        **{"own CA": own_ca, "own claim": own_claim, "other CA": other_ca, "other claim": other_claim},
        **{"Amazon CA": AMAZON_ROOT, "AWS claim": certificate(AWS_ISSUER)},
        **{"foreign CA": certificate("CN=Corp", "CN=Corp"), "foreign claim": certificate("O=Corp")},
    }


def check(known: dict[str, bytes], home: Path, endpoint: str, ca: str, claim: str) -> str | None:
    files = {paths.ROOT_CA: known[ca], paths.CERTIFICATE: known[claim]}
    return authority.check(
        endpoint, {f"{paths.BOOTSTRAP}/{name}": data for name, data in files.items()}, home
    )


@pytest.mark.parametrize(
    ("endpoint", "ca", "claim", "why"),
    [
        (
            AWS,
            "own CA",
            "own claim",
            "the root CA is a twin's, and .* belongs to AWS.*claim credentials of your",
        ),
        (AWS.upper() + ".", "other CA", "other claim", "the root CA is a twin's"),
        (f"mqtts://{AWS}/", "own CA", "AWS claim", "the root CA is a twin's"),
        (AWS, "Amazon CA", "own claim", "the claim is a twin's"),
        (AWS, "foreign CA", "other claim", "the claim is a twin's"),
        ("data.iot.cn-north-1.amazonaws.com.cn", "own CA", "own claim", "belongs to AWS"),
        (
            "localhost",
            "Amazon CA",
            "own claim",
            "the root CA is Amazon's, and localhost is a twin.*--ca HOME",
        ),
        ("127.0.0.2", "Amazon CA", "AWS claim", "the root CA is Amazon's"),
        ("192.168.1.10", "Amazon CA", "AWS claim", "the root CA is Amazon's, and 192.168.1.10 is a twin"),
        ("localhost", "own CA", "AWS claim", "the claim is Amazon's"),
    ],
)
def test_what_cannot_belong_together_is_refused(
    known: dict[str, bytes], home: Path, endpoint: str, ca: str, claim: str, why: str
) -> None:
    with pytest.raises(MusterError, match=why) as caught:
        check(known, home, endpoint, ca, claim)
    assert caught.value.code == WRONG_USE


@pytest.mark.parametrize(
    ("endpoint", "ca", "claim", "doubt"),
    [
        (AWS, "Amazon CA", "AWS claim", None),
        (AWS, "Amazon CA", "foreign claim", None),  # of a CA that the account has registered
        ("localhost", "own CA", "own claim", None),
        ("localhost", "other CA", "other claim", None),
        ("192.168.1.10", "own CA", "own claim", None),
        ("iot.example.com", "Amazon CA", "AWS claim", None),  # a domain of one's own, at AWS
        ("192.168.1.11", "other CA", "other claim", None),  # a twin with its home elsewhere
        ("192.168.1.11", "own CA", "own claim", "muster twin run --host 192.168.1.11"),
        ("iot.example.com", "foreign CA", "foreign claim", r"root CA (CN=Corp) is that of iot.example.com"),
        (AWS, "foreign CA", "AWS claim", "nobody can tell"),
        ("notamazonaws.com", "foreign CA", "own claim", "nobody can tell"),
    ],
)
def test_what_nobody_can_tell_is_a_warning(
    known: dict[str, bytes], home: Path, endpoint: str, ca: str, claim: str, doubt: str | None
) -> None:
    found = check(known, home, endpoint, ca, claim)
    assert found is None if doubt is None else found is not None and doubt in found
