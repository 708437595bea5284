"""device.port.http under MicroPython: Python's own server, and peers that are as bad as they can be."""

import contextlib
import functools
import hashlib
import http.server
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from device.core.failures import AGAIN, GIVE_UP
from tests.port import micro
from tests.port.http_case import Case, Outcome, heard, said, serving
from tests.port.tls_peer import Authority

OLD = hashlib.sha256(b"old").hexdigest()
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(params=micro.BITS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    micro.command(request.param)
    return Case(tmp_path, request.param)


@pytest.fixture
def case64(tmp_path: Path) -> Case:
    micro.command(64)
    return Case(tmp_path, 64)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Python's server of files, with a POST that answers what it got."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = f"{len(body)} {hashlib.sha256(body).hexdigest()} {self.headers['X-Key']}".encode()
        self.send_response(201)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def files_of(folder: Path, context: ssl.SSLContext | None) -> Iterator[str]:
    """The address of Python's own server for a folder."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    )
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)


def refused(outcome: Outcome, *words: str, kind: str = AGAIN) -> None:
    """The request failed with these words, in one line."""
    assert outcome.get("kind") == kind, outcome
    assert "\n" not in outcome["failure"]
    for word in words:
        assert word in outcome["failure"], outcome


@pytest.mark.parametrize("secure", [False, True])
def test_python_s_own_server(case: Case, secure: bool) -> None:
    folder = case.home / "files"
    folder.mkdir()
    (folder / "small.txt").write_bytes(b"hello")
    large = b"".join(number.to_bytes(4, "big") for number in range(30000))
    (folder / "large.bin").write_bytes(large)
    with files_of(folder, case.context() if secure else None) as address:
        get, head, none, post, down, missing, too_large = case.run(
            {"url": address + "/small.txt"},
            {"url": address + "/large.bin", "method": "HEAD"},
            {"url": address + "/none?a=b"},
            {
                "url": address + "/x",
                "method": "POST",
                "body": "0123456789",
                "times": 2000,
                "headers": {"X-Key": "k"},
            },
            {"url": address + "/large.bin", "path": "/data/a/large.bin", "limit_bytes": 200000},
            {"url": address + "/none", "path": "/data/old"},
            {"url": address + "/large.bin", "path": "/data/old", "limit_bytes": len(large) - 1},
        )
    assert (get["status"], get["body"], get["headers"]["content-type"]) == (200, "hello", "text/plain")
    assert (head["status"], head["size"], head["headers"]["content-length"]) == (200, 0, "120000")
    assert none["status"] == 404 and "404" in none["body"]
    digest = hashlib.sha256(b"0123456789" * 2000).hexdigest()
    assert (post["status"], post["body"]) == (201, f"20000 {digest} k")
    assert (down["status"], down["size"], down["file"]) == (200, 120000, hashlib.sha256(large).hexdigest())
    assert (missing["status"], missing["file"]) == (404, OLD)
    refused(too_large, "a body of more than 119999 bytes")
    assert too_large["file"] == OLD


def test_the_request_on_the_wire(case64: Case) -> None:
    requests = []

    def script(plain: socket.socket) -> None:
        requests.append(heard(plain))
        plain.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with serving(script) as port:
        case64.run({"url": f"http://localhost:{port}/a?b", "headers": {"Authorization": "Bearer t"}})
    assert requests == [
        b"GET /a?b HTTP/1.1\r\nHost: localhost:%d\r\nUser-Agent: muster\r\nAccept-Encoding: identity\r\n"
        b"Connection: close\r\nAuthorization: Bearer t\r\n\r\n" % port
    ]


# Servers that are not who they say

CERTIFICATES: dict[str, tuple[Callable[[Case], ssl.SSLContext], tuple[str, ...]]] = {
    "wrong name": (
        lambda case: case.context(name="other.example"),
        ("not for localhost", "correct the address"),
    ),
    "name of an address": (
        lambda case: case.context(name="x", address="127.0.0.1"),
        ("not for localhost", "correct the address"),
    ),
    "expired": (lambda case: case.context(days_off=-30), ("is not valid now", "the clock says")),
    "not yet valid": (lambda case: case.context(days_off=30), ("is not valid now", "the clock says")),
}


@pytest.mark.parametrize("what", CERTIFICATES)
def test_certificates_that_are_refused(case: Case, what: str) -> None:
    requests = []
    context, words = CERTIFICATES[what]

    def script(plain: socket.socket) -> None:
        requests.append(heard(plain))

    with serving(script, context(case)) as port:
        url = f"https://localhost:{port}/"
        outcomes = case.run({"url": url, "path": "/data/old", "headers": {"Authorization": "Bearer t"}})
    refused(outcomes[0], *words)
    assert outcomes[0]["file"] == OLD
    assert outcomes[0]["dates"] is ("valid" in what or what == "expired")
    assert b"".join(requests) == b"", "not a byte of the request is sent"


def test_another_authority(case: Case) -> None:
    home = case.home / "other"
    home.mkdir()
    context = case.context()
    other = Authority(home, "Other CA")
    case.roots = [other.path]
    with serving(said(OK + b"\r\n"), context) as port:
        url = f"https://localhost:{port}/"
        refused(case.run({"url": url})[0], "not signed by a root CA of this board", "/etc/entomologist/roots")
        case.roots = [other.path, case.authority.path]
        assert case.run({"url": url})[0]["status"] == 200
        case.roots = []
        refused(case.run({"url": url})[0], "the board has no root CA", kind=GIVE_UP)
        junk = case.home / "junk.pem"
        junk.write_bytes(b"no certificate")
        case.roots = [junk]
        refused(case.run({"url": url})[0], "root CA", kind=GIVE_UP)


def test_tls_that_does_not_come(case: Case) -> None:
    def silent(plain: socket.socket) -> None:
        while plain.recv(4096):
            pass

    with serving(silent) as port:
        refused(case.run({"url": f"https://localhost:{port}/"})[0], "is too slow")

    def without_tls(plain: socket.socket) -> None:
        plain.recv(4096)
        plain.sendall(OK + b"\r\nplain")

    with serving(without_tls) as port:
        refused(case.run({"url": f"https://localhost:{port}/"})[0], "TLS handshake")


def test_nobody_is_there(case: Case) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for scheme in ("http", "https"):
        refused(case.run({"url": f"{scheme}://localhost:{port}/"})[0], "nothing listens on that port")


# Servers that send what they should not: (answer, words of the failure, bytes of memory)

ANSWERS = {
    "nothing": (b"", ("closed the connection before the end",)),
    "half a head": (OK + b"Content-Le", ("closed the connection before the end",)),
    "no HTTP": (b"220 mail.example.org ESMTP\r\n\r\n", ("is not HTTP",)),
    "half a body": (OK + b"Content-Length: 100\r\n\r\n" + b"x" * 99, ("before the end",)),
    "half a chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n64\r\n" + b"x" * 99, ("before the end",)),
    "no last chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", ("before the end",)),
    "chunk too long": (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n", ("invalid chunk",)),
    "chunk without size": (OK + b"Transfer-Encoding: chunked\r\n\r\n\r\nx", ("invalid chunk",)),
    "negative chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nx", ("invalid chunk",)),
    "huge chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n" + b"x" * 9000, ("more than 4096",)),
    "endless chunk line": (OK + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 20000, ("more than 16384",)),
    "two lengths": (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy", ("contradicts",)),
    "length and chunks": (
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ("contradicts",),
    ),
    "gzip": (OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", ("compressed",)),
    "long line that matters": (OK + b"Content-Length: " + b"1" * 2000 + b"\r\n\r\n", ("1024 bytes",)),
    "one huge header": (OK + b"X: " + b"x" * 20000 + b"\r\n\r\n", ("a head of more than 16384",)),
    "many headers": (OK + b"X: y\r\n" * 4000 + b"\r\n", ("a head of more than 16384",)),
    "endless 100": (b"HTTP/1.1 100 Continue\r\n\r\n" * 50, ("does not come to its end",)),
    "too much without a length": (OK + b"\r\n" + b"x" * 5000, ("a body of more than 4096",)),
    "says too much": (OK + b"Content-Length: 4097\r\n\r\n", ("a body of more than 4096",)),
}


@pytest.mark.parametrize("secure", [False, True])
def test_answers_that_are_refused(case: Case, secure: bool) -> None:
    scripts = iter(ANSWERS.values())

    def script(plain: socket.socket) -> None:
        said(next(scripts)[0])(plain)

    with serving(script, case.context() if secure else None) as port:
        url = f"{'https' if secure else 'http'}://localhost:{port}/"
        outcomes = case.run(*[{"url": url} for _ in ANSWERS])
    for what, outcome in zip(ANSWERS, outcomes, strict=True):
        refused(outcome, f"localhost:{port}", *ANSWERS[what][1])


def test_none_of_them_changes_a_file(case64: Case) -> None:
    scripts = iter(ANSWERS.values())

    def script(plain: socket.socket) -> None:
        said(next(scripts)[0])(plain)

    with serving(script) as port:
        order = {"url": f"http://localhost:{port}/", "path": "/data/old"}
        outcomes = case64.run(*[order for _ in ANSWERS])
    for what, outcome in zip(ANSWERS, outcomes, strict=True):
        assert "failure" in outcome and outcome["file"] == OLD, (what, outcome)


GOOD = {
    "chunks": (
        OK + b"transfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n",
        "abcde",
    ),
    "until closed": (b"HTTP/1.0 200 OK\n\nabcde", "abcde"),
    "after 100": (b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nabcde", "abcde"),
    "long line that does not matter": (
        OK + b"Set-Cookie: " + b"x" * 3000 + b"\r\nContent-Length: 5\r\n\r\nabcde",
        "abcde",
    ),
    "nothing in it": (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", ""),
    "more than its length": (OK + b"Content-Length: 5\r\n\r\nabcdefgh", "abcde"),
}


@pytest.mark.parametrize("secure", [False, True])
def test_answers_that_are_taken(case: Case, secure: bool) -> None:
    scripts = iter(GOOD.values())

    def script(plain: socket.socket) -> None:
        heard(plain)
        for byte in next(scripts)[0]:  # each byte in a packet or a TLS record of its own
            plain.sendall(bytes([byte]))

    with serving(script, case.context() if secure else None) as port:
        url = f"{'https' if secure else 'http'}://localhost:{port}/"
        outcomes = case.run(*[{"url": url} for _ in GOOD])
    for what, outcome in zip(GOOD, outcomes, strict=True):
        assert outcome.get("body") == GOOD[what][1], (what, outcome)


# Servers that take their time: `late` is the limit of the whole request, others are those of a phase


def slowly(*first: bytes, then: bytes) -> Callable[[socket.socket], None]:
    """Send the first, and then a byte again and again for ever."""
    stop = threading.Event()

    def script(plain: socket.socket) -> None:
        heard(plain)
        for data in first:
            plain.sendall(data)
        while then and not stop.wait(0.1):
            plain.sendall(then)
        while plain.recv(4096):
            pass

    return script


def test_slow_servers(case: Case) -> None:
    for script in (
        slowly(then=b""),  # says nothing
        slowly(b"HTTP/1.1 200 OK\r\n", then=b""),
        slowly(b"HTTP/1.1 200 OK\r\n", then=b"X"),  # headers that never end
        slowly(OK, b"Content-Length: 9\r\n\r\nabc", then=b""),
    ):
        with serving(script) as port:
            (outcome,) = case.run({"url": f"http://localhost:{port}/", "path": "/data/old"})
        refused(outcome, "is too slow")
        assert outcome["lost"] and outcome["file"] == OLD


def test_an_endless_body_ends_with_the_limit_of_the_request(case: Case) -> None:
    with serving(slowly(OK, b"Content-Length: 100000\r\n\r\n", then=b"x")) as port:
        order = {
            "url": f"http://localhost:{port}/",
            "path": "/data/old",
            "limit_bytes": 100000,
            "limit_ms": 1500,
        }
        (outcome,) = case.run(order)
    assert outcome == {"late": True, "file": OLD, "left": []}


def test_a_server_that_does_not_read(case64: Case) -> None:
    def script(plain: socket.socket) -> None:
        plain.recv(1)
        poller = select.poll()
        poller.register(plain, select.POLLRDHUP)  # until the client has gone, and without reading
        poller.poll(20000)

    with serving(script) as port:
        order = {"url": f"http://localhost:{port}/", "method": "POST", "body": "x" * 1000, "times": 4000}
        refused(case64.run(order)[0], "is too slow")


def test_a_body_in_memory_has_an_upper_limit(case64: Case) -> None:
    with serving(said(OK + b"Content-Length: 16385\r\n\r\n" + b"x" * 16385)) as port:
        refused(case64.run({"url": f"http://localhost:{port}/", "limit_bytes": 1 << 20})[0], "16384 bytes")


def test_a_file_of_unknown_length_is_not_written(case64: Case) -> None:
    with serving(said(OK + b"\r\nabc")) as port:
        (outcome,) = case64.run({"url": f"http://localhost:{port}/", "path": "/data/old"})
    refused(outcome, "does not say how long it is")
    assert outcome["file"] == OLD


def test_a_flash_that_is_full(case: Case) -> None:
    case.blocks = 16
    sized = OK + b"Content-Length: 90000\r\n\r\n" + b"x" * 90000
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n15f90\r\n" + b"x" * 90000 + b"\r\n0\r\n\r\n"
    for answer in (sized, chunked):
        with serving(said(answer)) as port:
            order = {"url": f"http://localhost:{port}/", "path": "/data/old", "limit_bytes": 100000}
            (outcome,) = case.run(order)
        refused(outcome, "flash is full", kind=GIVE_UP)
        assert outcome["file"] == OLD
