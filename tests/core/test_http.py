"""HTTP without a network: what is sent, what is believed of an answer, and where a redirect may lead."""

from check import raises
from device.core import http, paths
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.services.url import Url

_HERE = http.url("https://example.org/a/b?secret=1")


def test_addresses():
    for text, expected in (
        ("https://example.org", (True, "example.org", 443, "/")),
        ("HTTPS://Example.ORG:8443/A?b=C#d", (True, "example.org", 8443, "/A?b=C")),
        ("http://192.168.1.5:80?x", (False, "192.168.1.5", 80, "/?x")),
        ("https://a/%20;=@x", (True, "a", 443, "/%20;=@x")),
    ):
        assert tuple(http.url(text)) == expected, text


def test_what_is_no_address():
    for text, words in (
        (None, "must be a text"),
        (b"https://a", "must be a text"),
        ("", "does not begin"),
        ("ftp://a/", "does not begin"),
        ("example.org", "does not begin"),
        ("https:///a", "host and port"),
        ("https://a:0/", "host and port"),
        ("https://a:65536/", "host and port"),
        ("https://a:443443/", "host and port"),
        ("https://a:x/", "host and port"),
        ("https://user:secret@a/", "host and port"),
        ("https://[::1]/", "host and port"),
        ("https://a..b/", "host and port"),
        ("https://a_b/", "host and port"),
        ("https://" + "a" * 254 + "/", "host and port"),
        ("https://a/\r\nHost: b", "a space or a symbol"),
        ("https://a/ b", "a space or a symbol"),
        ("https://a/\u00e9", "a space or a symbol"),
        ("https://a/" + "b" * 1100, "1024 characters"),
    ):
        failure = raises(Failure, http.url, text)
        assert failure.kind == GIVE_UP and words in str(failure), (text, str(failure))
        assert "secret" not in str(failure)


def test_head():
    raw = http.head("POST", http.url("https://a:8443/b"), {"X-Y": "1 2", "authorization": "Bearer t"}, 5)
    lines = raw.decode().split("\r\n")
    assert lines[0] == "POST /b HTTP/1.1" and lines[-2:] == ["", ""]
    for line in (
        "Host: a:8443",
        "Content-Length: 5",
        "X-Y: 1 2",
        "authorization: Bearer t",
        "Connection: close",
    ):
        assert lines.count(line) == 1, line
    assert "Accept-Encoding: identity" in lines
    assert b"\r\nHost: a\r\n" in http.head("GET", http.url("https://a/"), {}, None)
    assert b"Content-Length" not in http.head("GET", http.url("https://a/"), {}, None)


def test_headers_that_cannot_be_sent():
    for name, value in (
        ("a b", "c"),
        ("a:", "c"),
        ("", "c"),
        ("a", "b\r\nHost: c"),
        ("a", "b\nc"),
        ("a\r\nb", "c"),
        ("a", "\u00e9"),
        ("a", 5),
        ("Host", "b"),
        ("content-length", "3"),
        ("Transfer-Encoding", "chunked"),
        ("a", "b" * 4100),
    ):
        failure = raises(Failure, http.head, "GET", _HERE, {name: value}, None)
        assert failure.kind == GIVE_UP, name


def _head(*lines, method="GET"):
    head = http.Head("host:443", method)
    head.begin(lines[0])
    for line in lines[1:]:
        head.add(line, True)
    return head


def test_status_lines():
    for line, status in ((b"HTTP/1.1 200 OK", 200), (b"HTTP/1.0 404", 404), (b"HTTP/1.1 599 \xff", 599)):
        assert _head(line).status == status
    for line in (
        b"",
        b"HTTP/1.1",
        b"HTTP/2 200 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 099 OK",
        b"HTTP/1.1 600 OK",
        b"HTTP/1.1 -20 OK",
        b"SSH-2.0-OpenSSH",
        b"<html>",
        b"\x15\x03\x01\x00\x02\x02\x16",
    ):
        assert "not HTTP" in str(raises(Failure, _head, line)), line


def test_the_end_of_a_body():
    ok = b"HTTP/1.1 200 OK"
    for lines, expected in (
        ((ok,), (http.UNTIL_CLOSED, 0)),
        ((ok, b"Content-Length: 12"), (http.SIZED, 12)),
        ((ok, b"CONTENT-LENGTH:12 ", b"content-length: 12"), (http.SIZED, 12)),
        ((ok, b"Transfer-Encoding: Chunked"), (http.CHUNKED, 0)),
        ((ok, b"Content-Encoding: identity"), (http.UNTIL_CLOSED, 0)),
        ((b"HTTP/1.1 204 No", b"Content-Length: 12"), (http.NO_BODY, 0)),
        ((b"HTTP/1.1 304 No", b"Content-Length: 12"), (http.NO_BODY, 0)),
    ):
        assert _head(*lines).length() == expected, lines
    assert _head(ok, b"Content-Length: 12", method="HEAD").length() == (http.NO_BODY, 0)


def test_answers_that_are_refused():
    ok = b"HTTP/1.1 200 OK"
    for lines, words in (
        ((ok, b"Content-Length: 1", b"Content-Length: 2"), "contradicts"),
        ((ok, b"Content-Length: 1", b"Transfer-Encoding: chunked"), "contradicts"),
        ((ok, b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip"), "contradicts"),
        ((ok, b"Transfer-Encoding: gzip, chunked"), "contradicts"),
        ((ok, b"Content-Length: -1"), "invalid length"),
        ((ok, b"Content-Length: 1e3"), "invalid length"),
        ((ok, b"Content-Length: 0x10"), "invalid length"),
        ((ok, b"Content-Length:"), "invalid length"),
        ((ok, b"Content-Length: 1, 1"), "invalid length"),
        ((ok, b"Content-Length: 9999999999"), "invalid length"),
        ((ok, b"Content-Encoding: gzip", b"Content-Length: 1"), "compressed"),
        ((ok, b"no colon"), "invalid header"),
        ((ok, b": no name"), "invalid header"),
        ((ok, b"a b: c"), "invalid header"),
        ((ok, b" folded: line"), "invalid header"),
        ((ok, b"Content-Length : 1"), "invalid header"),
        ((ok, b"\xff\xfe: c"), "invalid header"),
        ((ok, b"location: \xff\xfe"), "invalid header"),
    ):
        failure = raises(Failure, lambda lines=lines: _head(*lines).length())
        assert failure.kind == AGAIN and words in str(failure), (lines, str(failure))


def test_long_lines_matter_only_where_they_are_read():
    head = _head(b"HTTP/1.1 200 OK")
    head.add(b"set-cookie: " + b"x" * 500, False)
    assert head.headers == {}
    assert "1024 bytes" in str(raises(Failure, head.add, b"location: https://a/" + b"x" * 500, False))


def test_chunks():
    head = _head(b"HTTP/1.1 200 OK")
    for line, size in ((b"0", 0), (b"1a", 26), (b"00FF;name=value", 255), (b"5 ;x", 5)):
        assert head.chunk(line) == size
    for line in (
        b"",
        b";x",
        b"-1",
        b"+1",
        b"0x10",
        b"g",
        b"1_0",
        b"123456789",
        b"ffffffffffffffffffff",
        b"\xb2",
    ):
        assert "invalid chunk" in str(raises(Failure, head.chunk, line)), line


def _moved(status, location, method="GET", headers=None):
    answer = http.Answer(status, {"location": location} if location else {}, b"")
    return http.redirect(_HERE, answer, method, headers or {})


def test_redirects():
    for location, target in (
        ("https://example.org/c", "/c"),
        ("/c?d=1", "/c?d=1"),
        ("c", "/a/c"),
        ("?d", "/a/?d"),
        ("//example.org/c", "/c"),
    ):
        there, method, _ = _moved(302, location)
        assert (tuple(there), method) == ((True, "example.org", 443, target), "GET"), location
    assert _moved(200, "/c") is None and _moved(404, "/c") is None
    assert _moved(302, None) is None and _moved(304, "/c") is None and _moved(300, "/c") is None


def test_a_redirect_never_leaves_tls():
    for location in ("http://example.org/c", "http://example.org:443/c", "HTTP://other/"):
        assert "without TLS: refused" in str(raises(Failure, _moved, 307, location))
    plain = http.url("http://example.org/")
    answer = http.Answer(302, {"location": "https://example.org/"}, b"")
    assert http.redirect(plain, answer, "GET", {})[0].secure


def test_where_a_redirect_cannot_lead():
    for location in (
        "ftp://a/",
        "https://a b/",
        "https://user:secret@a/",
        "javascript://x",
        "https://a/" + "b" * 1100,
    ):
        failure = raises(Failure, _moved, 302, location)
        assert "cannot be used" in str(failure) and "secret" not in str(failure), location


def test_methods_after_a_redirect():
    for status, before, after in (
        (301, "POST", "GET"),
        (302, "PUT", "GET"),
        (303, "DELETE", "GET"),
        (303, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "PUT", "PUT"),
    ):
        assert _moved(status, "/c", before)[1] == after, (status, before)


def test_what_is_for_one_server_does_not_go_to_another():
    headers = {"Authorization": "Bearer t", "cookie": "c", "X": "y"}
    assert _moved(307, "/c", "GET", headers)[2] == headers
    for location in ("https://other/", "https://example.org:8443/", "//example.org.evil/"):
        assert _moved(307, location, "GET", headers)[2] == {"X": "y"}, location


def test_a_download_does_not_replace_the_board_s_own_files():
    board = ("/lib/a.mpy", "/boot.py", "/main.py", paths.WIFI)
    hidden = (
        "/" + paths.WIFI,
        "/." + paths.WIFI,
        "/x/.." + paths.WIFI,
        "/etc//entomologist/a",
        "//lib/a.mpy",
    )
    for path in board + hidden + ("", "a", "/", "/.", "/data/", "/data/.."):
        failure = raises(Failure, Url("url", None).download("https://a.example", path).send, None)
        assert failure.kind == GIVE_UP, path
