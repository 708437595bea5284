"""Verifies Signature Version 4 of requests signed with the twin's keys, and says why not as AWS does.

Source: IAM User Guide, "Create a signed AWS API request". Written from there, and judged by botocore's signer
in the tests; it shares nothing with the signer of the board.
"""

import datetime
import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote, unquote

from muster.twin.issued_keys import Credentials, Issued

CLOCK_S = 300  # that the clocks of both sides may differ
_ALGORITHM = "AWS4-HMAC-SHA256"
_HEADER = re.compile(
    rf"{_ALGORITHM}\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{{64}})"
)
_STAMP = re.compile(r"\d{8}T\d{6}Z")

NO_SIGNATURE = "MissingAuthenticationTokenException"
INCOMPLETE = "IncompleteSignatureException"
UNKNOWN_KEY = "UnrecognizedClientException"
EXPIRED = "ExpiredTokenException"
WRONG = "InvalidSignatureException"


class SignatureError(Exception):
    """A request is not signed as it has to be: AWS's name of the error, and a text."""

    status = 400

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name
        self.text = text


class Signed(NamedTuple):
    """What is signed of a request. `path` and `query` as they came; `headers`: all, also repeated ones."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes

    def first(self, name: str) -> str:
        """The value of a header, or ""."""
        return next((value for key, value in self.headers if key.lower() == name), "")


def verify(request: Signed, service: str, credentials: Credentials, now_s: float) -> Issued:
    """The keys that the request is signed with; raises SignatureError."""
    header = request.first("authorization")
    if not header:
        raise SignatureError(NO_SIGNATURE, "Missing Authentication Token")
    match = _HEADER.fullmatch(header.strip())
    parts = match[1].rsplit("/", 4) if match else []
    if match is None or len(parts) != 5:
        raise SignatureError(INCOMPLETE, "the header Authorization is not that of Signature Version 4")
    names, stamp = match[2].split(";"), request.first("x-amz-date")
    if not _STAMP.fullmatch(stamp):
        raise SignatureError(INCOMPLETE, "Authorization header requires existence of an 'X-Amz-Date' header")
    unsigned = [name for name in _that_count(request) if name not in names]
    if unsigned or names != sorted(names):
        raise SignatureError(WRONG, f"these headers have to be signed: {', '.join(unsigned) or 'in order'}")
    key_id, day, _, named, last = parts
    if (named, last, day) != (service, "aws4_request", stamp[:8]):
        raise SignatureError(WRONG, f"Credential should be scoped to {service} and to the day of the request")
    keys = _keys(credentials, key_id, request.first("x-amz-security-token"))
    _check_time(stamp, now_s)
    wanted = _signature(request, names, stamp, parts[1:], keys.secret)
    if not hmac.compare_digest(wanted, match[3]):
        raise SignatureError(
            WRONG,
            "The request signature we calculated does not match the signature you provided. Check your AWS"
            " Secret Access Key and signing method. Consult the service documentation for details.",
        )
    if keys.expires_s <= now_s:
        raise SignatureError(EXPIRED, "The security token included in the request is expired")
    return keys


def _that_count(request: Signed) -> Iterable[str]:
    """The headers that a signature must cover."""
    return {"host"} | {name.lower() for name, _ in request.headers if name.lower().startswith("x-amz-")}


def _keys(credentials: Credentials, key_id: str, token: str) -> Issued:
    keys = credentials.secret_of(key_id)
    if keys is None or not hmac.compare_digest(keys.token.encode(), token.encode()):
        raise SignatureError(UNKNOWN_KEY, "The security token included in the request is invalid.")
    return keys


def _check_time(stamp: str, now_s: float) -> None:
    try:
        signed = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        raise SignatureError(INCOMPLETE, f"{stamp} is no date") from None
    early_s = now_s - signed.timestamp()
    now = _text(now_s)
    if early_s > CLOCK_S:
        limit = _text(now_s - CLOCK_S)
        raise SignatureError(
            WRONG, f"Signature expired: {stamp} is now earlier than {limit} ({now} - 5 min.)"
        )
    if early_s < -CLOCK_S:
        limit = _text(now_s + CLOCK_S)
        raise SignatureError(
            WRONG, f"Signature not yet current: {stamp} is still later than {limit} ({now} + 5 min.)"
        )


def _text(unix_s: float) -> str:
    when = datetime.datetime.fromtimestamp(unix_s, datetime.timezone.utc)
    return when.strftime("%Y%m%dT%H%M%SZ")


def _signature(request: Signed, names: list[str], stamp: str, scope: list[str], secret: str) -> str:
    canonical = "\n".join(
        (
            request.method,
            quote(request.path, safe="/-_.~"),
            _query(request.query),
            *(f"{name}:{_value(request, name)}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(request.body).hexdigest(),
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join((_ALGORITHM, stamp, "/".join(scope), digest))
    return hmac.digest(key, text.encode(), "sha256").hex()


def _query(raw: str) -> str:
    pairs = [part.partition("=") for part in raw.split("&") if part]
    encoded = sorted(
        (quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")) for name, _, value in pairs
    )
    return "&".join(f"{name}={value}" for name, value in encoded)


def _value(request: Signed, name: str) -> str:
    return ",".join(" ".join(value.split()) for key, value in request.headers if key.lower() == name)
