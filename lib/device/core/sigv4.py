"""Signs requests to AWS: Signature Version 4, in the header Authorization.

Loaded for one request, then unloaded. Path and query are canonical as for every service but S3.
"""

import hashlib
from binascii import hexlify

from device.core import calendar
from device.core.hmac256 import hmac_sha256

_ALGORITHM = "AWS4-HMAC-SHA256"
_LAST = "aws4_request"
_UNRESERVED = b"-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def digest(data):
    """The SHA-256 of `data` (bytes), hexadecimal: what `signed` wants of a body."""
    return hexlify(hashlib.sha256(data).digest()).decode()


def signed(method, path, query, headers, body_hash, unix_s, place, keys):
    """The headers to add to a request: [(name, value)], of them Authorization is the last.

    `path`: as it is sent; `query`: [(name, value)], not encoded; `headers`: [(name, value)] that are signed,
    Host among them; `place`: (region, service); `keys`: a core.credentials.Keys.
    """
    stamp = "%04d%02d%02dT%02d%02d%02dZ" % calendar.date(unix_s)
    added = [("X-Amz-Date", stamp)]
    if keys.token:
        added.append(("X-Amz-Security-Token", keys.token.reveal()))
    request, names = canonical(method, path, query, list(headers) + added, body_hash)
    scope = "%s/%s/%s/%s" % (stamp[:8], place[0], place[1], _LAST)
    key = b"AWS4" + keys.secret.reveal().encode()
    for part in scope.split("/"):
        key = hmac_sha256(key, part.encode())
    signature = hexlify(hmac_sha256(key, to_sign(stamp, scope, request).encode())).decode()
    value = "%s Credential=%s/%s, SignedHeaders=%s, Signature=%s"
    added.append(("Authorization", value % (_ALGORITHM, keys.id, scope, names, signature)))
    return added


def to_sign(stamp, scope, request):
    """The string to sign of a canonical request."""
    return "\n".join((_ALGORITHM, stamp, scope, digest(request.encode())))


def canonical(method, path, query, headers, body_hash):
    """(canonical request, names of the signed headers)."""
    values = {}
    for name, value in headers:
        value = " ".join(value.split())
        name = name.lower().strip()
        values[name] = values[name] + "," + value if name in values else value
    names = sorted(values)
    lines = [method, _encoded(_normal(path), b"/"), canonical_query(query)]
    lines += ["%s:%s" % (name, values[name]) for name in names]
    names = ";".join(names)
    return "\n".join(lines + ["", names, body_hash]), names


def canonical_query(pairs):
    """The query of (name, value) pairs, sorted and encoded; it may also be sent like this."""
    encoded = sorted((_encoded(name), _encoded(value)) for name, value in pairs)
    return "&".join(["%s=%s" % pair for pair in encoded])


def _normal(path):
    """`path` without `.`, `..` and empty parts; a slash at its end stays."""
    parts = []
    for part in path.split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts) + ("/" if parts and path[-1] == "/" else "")


def _encoded(text, also=b""):
    """`text` with %XX for each byte that is neither unreserved nor in `also`."""
    return "".join(
        [chr(byte) if byte in _UNRESERVED or byte in also else "%%%02X" % byte for byte in text.encode()]
    )
