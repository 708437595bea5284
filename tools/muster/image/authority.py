"""Whether credentials and endpoint of an image can belong together, before the board finds out.

A board verifies the server with the root CA in its image, and the cloud knows a board by its claim
certificate. A twin's CA does not verify AWS, and AWS does not know a twin's certificates; the same holds the
other way round. Such a board can never connect, and says so only after it has been flashed and installed.
"""

from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from device.core import paths
from muster.cloud import endpoints
from muster.errors import WRONG_USE, MusterError
from muster.twin.pki import ROOT_NAME
from muster.twin.settings import Home

TWIN = "a twin's"
AMAZON = "Amazon's"
FOREIGN = "another one's"

AWS = "AWS"
LOCAL = "this machine, or the twin of this home"
CUSTOM = "any other host"

# Organizations in the certificates of Amazon's root CAs, and of what AWS IoT issues.
_AMAZON = ("Amazon", "Amazon.com Inc.", "Starfield Technologies, Inc.")


def check(endpoint: str, claim: Mapping[str, bytes], home: Path) -> str | None:
    """A warning when nobody can tell whether a board with these credentials can connect to `endpoint`.

    `claim`: what `read_claim` returned. `home`: where a twin may have its CA and its server certificate.
    Raises MusterError (wrong use) when it certainly cannot.
    """
    root = x509.load_pem_x509_certificate(claim[f"{paths.BOOTSTRAP}/{paths.ROOT_CA}"])
    certificate = x509.load_pem_x509_certificate(claim[f"{paths.BOOTSTRAP}/{paths.CERTIFICATE}"])
    place = _place(endpoint, home)
    for what, authority in (("root CA", _owner(root.subject)), ("claim", _owner(certificate.issuer))):
        if (place, authority) == (AWS, TWIN):
            raise MusterError(
                f"the {what} is a twin's, and {endpoint} belongs to AWS: no board could connect. Give the "
                "claim credentials of your AWS account (--claim FOLDER, with Amazon's root CA).",
                WRONG_USE,
            )
        if (place, authority) == (LOCAL, AMAZON):
            raise MusterError(
                f"the {what} is Amazon's, and {endpoint} is a twin: no board could connect. Give the twin's "
                "credentials (--claim HOME/claim --ca HOME/ca.pem), or the endpoint of your AWS account.",
                WRONG_USE,
            )
    return _doubt(endpoint, place, root, home)


def _doubt(endpoint: str, place: str, root: x509.Certificate, home: Path) -> str | None:
    authority = _owner(root.subject)
    if authority == FOREIGN:
        return (
            f"nobody can tell whether the root CA ({root.subject.rfc4514_string()}) is that of {endpoint}: "
            "if it is not, no board can connect"
        )
    if authority == TWIN and place == CUSTOM and _is_of_home(root, Home(home)):
        return (
            f"the twin of this home has no certificate for {endpoint} yet: start it with "
            f"`muster twin run --host {endpoint}`, or no board can connect"
        )
    return None


def _owner(name: x509.Name) -> str:
    """Whose authority has this name."""
    common = [part.value for part in name.get_attributes_for_oid(NameOID.COMMON_NAME)]
    organizations = [part.value for part in name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    if ROOT_NAME in common:
        return TWIN
    return AMAZON if any(one in _AMAZON for one in organizations) else FOREIGN


def _place(endpoint: str, home: Path) -> str:
    if endpoints.is_aws(endpoint):
        return AWS
    return LOCAL if endpoints.is_of_twin(endpoint, home) else CUSTOM


def _is_of_home(root: x509.Certificate, home: Home) -> bool:
    """Whether this is the CA of the home's twin."""
    try:
        return root == x509.load_pem_x509_certificate(home.ca_pem.read_bytes())
    except (OSError, ValueError):
        return False  # the twin itself says what is wrong with its files
