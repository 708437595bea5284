"""Whose an endpoint is: AWS IoT's, or the twin's of a home folder."""

import contextlib
import ipaddress
from pathlib import Path

from muster.twin.settings import Home

# The partitions of AWS (aws, aws-cn, aws-eusc), and the names for IPv6.
_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws")
_LOCAL = ("localhost", "127.0.0.1", "::1")


def host(endpoint: str) -> str:
    """The host in an endpoint as people write it, in lower case: without scheme, port, path or final dot."""
    text = endpoint.strip().lower().partition("://")[2] or endpoint.strip().lower()
    text = text.split("/")[0]
    if text.startswith("["):  # [::1]:8883
        return text[1:].partition("]")[0]
    name = text if text.count(":") > 1 else text.partition(":")[0]
    return name.rstrip(".")


def is_aws(endpoint: str) -> bool:
    """Whether this is a host name of AWS; a domain of one's own that leads there is not known as such."""
    return host(endpoint).endswith(_AWS)


def is_of_twin(endpoint: str, home: Path) -> bool:
    """Whether the twin of `home` answers there: this computer, or a name in the twin's server certificate."""
    name = host(endpoint)
    if name == "localhost" or (_address(name) or ipaddress.ip_address("192.0.2.1")).is_loopback:
        return True
    return not is_aws(name) and (_address(name) or name) in {_address(one) or one for one in of_twin(home)}


def of_twin(home: Path) -> tuple[str, ...]:
    """The names and addresses of the twin of `home`; those of this computer alone when it never ran."""
    from cryptography import x509  # it loads for longer than most commands run, and few come here

    names: list[str] = []
    with contextlib.suppress(OSError, ValueError, x509.ExtensionNotFound):
        certificate = x509.load_pem_x509_certificate(Home(home).server_pem.read_bytes())
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(one.value).lower() for one in found]
    return tuple(dict.fromkeys((*names, *_LOCAL)))


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
