"""HTTP/1.1 without a network: addresses, requests, and what the head of an answer says.

Loaded for one request, then unloaded. Everything in an answer is checked before it is used, and every
error is a Failure. Its text names only host and port of an address: the rest may be a secret.
"""

from collections import namedtuple

from device.core.failures import AGAIN, GIVE_UP, Failure

MAX_LINE_BYTES = 1024  # of an address, and of the lines of an answer that matter
MAX_HEAD_BYTES = 16384
MAX_SENT_BYTES = 4096  # of a header that is sent: a session token of AWS has more than a thousand

# The parts of an address. `target`: path and query.
Url = namedtuple("Url", ("secure", "host", "port", "target"))
# What a request brought: status code, {name in lower case: value} of the headers in _KEPT, and the body:
# bytes, or the number of bytes written to a file. A plain tuple, so that this module can be unloaded.
Answer = namedtuple("Answer", ("status", "headers", "body"))

# How the end of a body is known.
NO_BODY = 0
SIZED = 1
CHUNKED = 2
UNTIL_CLOSED = 3

_LENGTH = "content-length"
_TRANSFER = "transfer-encoding"
_ENCODING = "content-encoding"
_LOCATION = "location"
_KEPT = (
    _LENGTH,
    _TRANSFER,
    _ENCODING,
    _LOCATION,
    "content-type",
    "date",
    "etag",
    "last-modified",
    "retry-after",
)
_OURS = ("host", _LENGTH, _TRANSFER, "connection", "accept-encoding", "user-agent")
_TO_ONE_SERVER = ("authorization", "cookie", "proxy-authorization")
_SCHEMES = (("https://", True, 443), ("http://", False, 80))
_HOST_SYMBOLS = "abcdefghijklmnopqrstuvwxyz0123456789-."
_NAME_SYMBOLS = _HOST_SYMBOLS + "!#$%&'*+^_`|~"
_MAX_HOST = 253
_MAX_DIGITS = 9  # of a length, decimal or hexadecimal: more is more than any flash
_HEXADECIMAL = b"0123456789abcdefABCDEF"
_SEE_OTHER = (301, 302, 303)  # the next request is a GET
_SAME_METHOD = (307, 308)


def url(text):
    """The Url of an address, such as "https://example.org/a?b=c"; raises Failure (GIVE_UP)."""
    fault = _text_fault(text)
    for scheme, secure, port in _SCHEMES:
        if not fault and text[: len(scheme)].lower() == scheme:
            rest = text[len(scheme) :].split("#")[0]
            host = rest.split("/")[0].split("?")[0]
            target = rest[len(host) :]
            name, colon, number = host.partition(":")
            if colon:
                port = int(number) if number.isdigit() and len(number) <= 5 else 0
            name = name.lower()
            if not 0 < port < 65536 or not _is_host(name):
                fault = "has no valid host and port"
                break
            return Url(secure, name, port, target if target[:1] == "/" else "/" + target)
    raise Failure(
        GIVE_UP, "the address " + (fault or "does not begin with https:// or http://"), "correct it"
    )


def _text_fault(text):
    if not isinstance(text, str):
        return "must be a text"
    if len(text) > MAX_LINE_BYTES:
        return "has more than %d characters" % MAX_LINE_BYTES
    if not all("!" <= symbol <= "~" for symbol in text):
        return "has a space or a symbol that must be written with %"
    return ""


def _is_host(name):
    """Whether this is a name or an IPv4 address: neither user name, nor IPv6."""
    if not name or len(name) > _MAX_HOST or ".." in name:
        return False
    return all(symbol in _HOST_SYMBOLS for symbol in name)


def where(address):
    """Host and port of a Url, for people."""
    return "%s:%d" % (address.host, address.port)


def host(address):
    """The header Host of a request to a Url."""
    return address.host if address.port == (443 if address.secure else 80) else where(address)


def head(method, address, headers, size):
    """The bytes of the head of a request; `size`: bytes of its body, or None without one."""
    lines = [
        "%s %s HTTP/1.1" % (method, address.target),
        "Host: " + host(address),
        "User-Agent: muster",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    if size is not None:
        lines.append("Content-Length: %d" % size)
    for name in headers:
        value = headers[name]
        if not _is_field(name, value) or name.lower() in _OURS:
            raise Failure(GIVE_UP, "the header %r cannot be sent" % name, "correct it")
        lines.append("%s: %s" % (name, value))
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _is_field(name, value):
    """Whether a header is well formed: a line end in it would begin another header."""
    return (
        isinstance(name, str)
        and isinstance(value, str)
        and name
        and len(name) + len(value) <= MAX_SENT_BYTES
        and all(symbol in _NAME_SYMBOLS for symbol in name.lower())
        and all(" " <= symbol <= "~" for symbol in value)
    )


def redirect(address, answer, method, headers):
    """(Url, method, headers) of the next request when the answer is a redirect, else None.

    Raises Failure when that is not allowed: from https only to https. What is for one server only, such as
    a password, does not go to another.
    """
    if answer.status not in _SEE_OTHER and answer.status not in _SAME_METHOD:
        return None
    location = answer.headers.get(_LOCATION)
    if not location:
        return None
    if location[:2] == "//":
        location = ("https:" if address.secure else "http:") + location
    elif "://" not in location:
        if location[:1] != "/":
            location = address.target.split("?")[0].rpartition("/")[0] + "/" + location
        location = "%s://%s%s" % ("https" if address.secure else "http", where(address), location)
    try:
        there = url(location)
    except Failure as failure:
        raise Failure(AGAIN, "%s redirects to an address that cannot be used" % where(address), failure.cause)
    if address.secure and not there.secure:
        raise Failure(AGAIN, "%s redirects to an address without TLS: refused" % where(address))
    if address[:3] != there[:3]:
        headers = {name: headers[name] for name in headers if name.lower() not in _TO_ONE_SERVER}
    if answer.status in _SEE_OTHER and method != "HEAD":
        method = "GET"
    return there, method, headers


class Head:
    """The head of an answer, line by line."""

    def __init__(self, place, method):
        self._place = place
        self._method = method
        self.status = 0
        self.headers = {}

    def wrong(self, what):
        """A Failure that says what is wrong with the answer."""
        return Failure(AGAIN, "the answer of %s %s" % (self._place, what))

    def begin(self, line):
        """Take the first line."""
        code = line[9:12]
        if line[:7] != b"HTTP/1." or line[8:9] != b" " or len(code) != 3 or not code.isdigit():
            raise self.wrong("is not HTTP/1.1")
        if line[12:13] not in (b"", b" ") or not 100 <= int(code) <= 599:
            raise self.wrong("is not HTTP/1.1")
        self.status = int(code)
        self.headers = {}

    def add(self, line, is_whole):
        """Take another line of the head; the end of one that is too long may be missing."""
        raw, colon, value = line.partition(b":")
        try:
            name = raw.decode().lower()
            if not colon or not name or not all(symbol in _NAME_SYMBOLS for symbol in name):
                raise ValueError
            if name not in _KEPT:
                return
            if not is_whole:
                raise self.wrong("has a line of more than %d bytes" % MAX_LINE_BYTES)
            value = value.decode().strip()
        except ValueError:  # a UnicodeError, too
            raise self.wrong("has an invalid header")
        if name not in self.headers:
            self.headers[name] = value
        elif name in (_LENGTH, _TRANSFER) and self.headers[name] != value:
            raise self.wrong("contradicts itself about its length")

    def length(self):
        """(how the end of the body is known, bytes if it is SIZED)."""
        coding, text = self.headers.get(_TRANSFER), self.headers.get(_LENGTH)
        if self.headers.get(_ENCODING, "identity").lower() != "identity":
            raise self.wrong("is compressed, which was not asked for")
        if self._method == "HEAD" or self.status in (204, 304):
            return NO_BODY, 0
        if coding is not None:
            if coding.lower() != "chunked" or text is not None:
                raise self.wrong("contradicts itself about its length")
            return CHUNKED, 0
        if text is None:
            return UNTIL_CLOSED, 0
        if not text.isdigit() or len(text) > _MAX_DIGITS:
            raise self.wrong("has an invalid length")
        return SIZED, int(text)

    def chunk(self, line):
        """The bytes of a chunk, from the line before it."""
        digits = line.split(b";")[0].strip()
        if not 0 < len(digits) < _MAX_DIGITS or not all(digit in _HEXADECIMAL for digit in digits):
            raise self.wrong("has an invalid chunk")
        return int(digits, 16)
