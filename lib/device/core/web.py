"""Reads web.json: where the web page is served, by which names, and the hash of its password.

Loaded when the web server starts, then unloaded. Without the page, a wrong file could hardly be found: `read`
says what is wrong, and the page is served as without the file.
"""

from collections import namedtuple

from device.core import documents, fields, hosts, passwords, paths

_MAX_BYTES = 1024
_MAX_PLACES = 4
_MAX_NAMES = 8
_MAX_NAME = 64

# listen: [(address or "" for all, port)], port 0 is any free one; password: as `passwords.parsed` takes it,
# or None; names: host names by which a browser may call the board, beside its address and *.local.
Web = namedtuple("Web", ("listen", "password", "names"))


def _wrong(cause, advice=""):
    return documents.wrong(paths.WEB, cause, advice)


def read(raw, default):
    """The Web in `raw`, the bytes of web.json, or None without the file; `default`: where then to listen.

    Raises Failure (GIVE_UP) that says what is wrong with the file.
    """
    if raw is None:
        raw = b"{}"
    if len(raw) > _MAX_BYTES:
        raise _wrong("has %d bytes; the limit is %d" % (len(raw), _MAX_BYTES))
    try:
        value = documents.loads(raw)
    except ValueError:
        raise _wrong("is not valid JSON (%d bytes)" % len(raw))
    if not isinstance(value, dict):
        raise _wrong("must be a JSON object")
    listen = value.get(fields.LISTEN)
    if listen is None:
        listen = list(default)
    elif not isinstance(listen, list) or not 0 < len(listen) <= _MAX_PLACES:
        raise _wrong('"%s" must be a list of 1 to %d ports' % (fields.LISTEN, _MAX_PLACES))
    return Web([place(item) for item in listen], _password(value), _names(value))


def place(item):
    """(address or "", port) of an item of "listen": 80, "80", ":8080", "127.0.0.1:8080", "http://:80"."""
    text = str(item) if isinstance(item, int) and not isinstance(item, bool) else item
    if isinstance(text, str):
        if text.startswith("http://"):
            text = text[7:].rstrip("/")
        host, _, port = text.rpartition(":")
        if (
            port.encode().isdigit()
            and len(port) <= 5
            and int(port) < 65536
            and (not host or hosts.is_address(host))
        ):
            return host, int(port)
    raise _wrong('"%s" has %r; write a port such as "80", or "address:port"' % (fields.LISTEN, item))


def _password(value):
    password = value.get(fields.PASSWORD)
    if password is None:
        return None
    if not isinstance(password, str) or passwords.parsed(password) is None:
        raise _wrong('"%s" is not a hash' % fields.PASSWORD, "make it with `muster image`")
    return password


def _names(value):
    names = value.get(fields.NAMES, [])
    if not isinstance(names, list) or len(names) > _MAX_NAMES:
        raise _wrong('"%s" must be a list of at most %d host names' % (fields.NAMES, _MAX_NAMES))
    for name in names:
        if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME:
            raise _wrong('"%s" must be a list of host names' % fields.NAMES)
    return [name.lower() for name in names]
