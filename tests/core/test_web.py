"""web.json, and the names by which a browser may call the board."""

import json

from check import raises
from device.core import hosts, passwords, paths, web
from device.core.failures import GIVE_UP, Failure

_HASH = passwords.text(3, b"0123456789abcdef", bytes(32))
_GOOD = (
    (80, ("", 80)),
    ("80", ("", 80)),
    (":8080", ("", 8080)),
    ("127.0.0.1:0", ("127.0.0.1", 0)),
    ("http://:80", ("", 80)),
    ("http://192.168.4.1:80/", ("192.168.4.1", 80)),
)
_BAD = (
    b"",
    b"[]",
    b"null",
    b"\xff\xfe",
    b'{"listen": ["80"',
    b'{"listen": "80"}',
    b'{"listen": []}',
    b'{"listen": [true]}',
    b'{"listen": [-1]}',
    b'{"listen": [65536]}',
    b'{"listen": [80.5]}',
    b'{"listen": ["https://:443"]}',
    b'{"listen": ["board.local:80"]}',
    b'{"listen": ["1.2.3.400:80"]}',
    b'{"listen": [":\xc2\xb2"]}',
    b'{"listen": ["1.2.3.\xc2\xb2:80"]}',
    b'{"listen": ["80", "81", "82", "83", "84"]}',
    b'{"names": "a"}',
    b'{"names": [1]}',
    b'{"names": [""]}',
    b'{"password": "marker-plain-password"}',
    b'{"password": ["marker-plain-password"]}',
    b'{"password": "pbkdf2-sha256$0$00000000000000000000$00"}',
    b" " * 1025,
)
_OTHER_HASHES = (
    "",
    "pbkdf2-sha256",
    _HASH.replace("$3$", "$0$"),
    _HASH.replace("$3$", "$20001$"),
    _HASH.replace("$3$", "$9999999$"),
    _HASH.replace("$3$", "$-3$"),
    _HASH.replace("pbkdf2", "md5"),
    _HASH.replace("$3$", "$\xb2$"),
    _HASH[:-1],
    _HASH[:-2],
    _HASH[:-2] + "zz",
    _HASH + "$",
    passwords.text(3, b"short", bytes(32)),
    passwords.text(3, bytes(33), bytes(32)),
)


def test_without_a_file_the_board_listens_where_it_is_told():
    assert web.read(None, ("80",)) == ([("", 80)], None, [])
    assert web.read(b'{"more": 1}', ("127.0.0.1:0",)) == ([("127.0.0.1", 0)], None, [])


def test_a_whole_file():
    raw = json.dumps({"listen": [80, "10.0.0.1:81"], "password": _HASH, "names": ["Cam.Example"]}).encode()
    assert web.read(raw, ()) == ([("", 80), ("10.0.0.1", 81)], _HASH, ["cam.example"])


def test_places_to_listen():
    for item, place in _GOOD:
        assert web.place(item) == place, item


def test_what_is_wrong_is_said_without_the_password():
    for raw in _BAD:
        failure = raises(Failure, web.read, raw, ("80",))
        assert failure.kind == GIVE_UP and paths.WEB in str(failure), raw
        assert "marker" not in str(failure), raw


def test_every_other_text_is_no_hash():
    assert passwords.parsed(_HASH) == (3, b"0123456789abcdef", bytes(32))
    for text in _OTHER_HASHES:
        assert passwords.parsed(text) is None, text


def test_the_hash_is_that_of_rfc_7914():
    """The vector of its section 11 with one iteration: the first half of 64 bytes."""
    found = list(passwords.steps(b"passwd", 1, b"salt"))
    assert found[-1].hex() == "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"


def test_the_work_is_done_in_steps():
    found = list(passwords.steps(b"p" * passwords.MAX_BYTES, 100, b"0123456789abcdef"))
    assert found[:-1] == [None] * 4 and len(found[-1]) == 32


def test_equal_and_different():
    assert passwords.same(b"abc", b"abc")
    for other in (b"abd", b"bbc", b"ab", b"abcd", b""):
        assert not passwords.same(b"abc", other)


def test_names_of_the_board():
    for host in (
        "192.168.1.7",
        "192.168.1.7:8080",
        "cam.local",
        "CAM.local.",
        "cam.example",
        "Cam.Example:80",
    ):
        assert hosts.is_own_host(host, ["cam.example"]), host
    strangers = ("", "evil.example", "local", ".local", "192.168.1.7.evil.example", "cam.example.evil")
    strangers += (
        "192.168.1",
        "192.168.1.256",
        "1.2.3.4:80:80",
        "1.2.3.4:a",
        "[::1]",
        "cam.local@evil.example",
    )
    for host in strangers:
        assert not hosts.is_own_host(host, ["cam.example"]), host
