"""wifi.json: networks in order, and messages that never hold a password."""

from check import raises
from device.core import known_networks, paths, wifi_file
from device.core.failures import GIVE_UP, Failure
from device.core.secret import Secret

_BAD = (
    (b"", "not valid JSON"),
    (b"\xff\xfe", "not valid JSON"),
    (b'{"networks": [{"ssid": "home", "password": "marker-1"}', "not valid JSON"),
    (b'{"networks": [{"ssid": "home", "password": "marker-1', "not valid JSON"),
    (b"[" * 4000, "not valid JSON"),
    (b"[" * 2000 + b"]" * 2000, "not valid JSON"),
    (b'{"networks": [' + b'{"ssid": "a"}, ' * 300 + b'{"ssid": "a"}]}', "bytes; the limit is 4096"),
    (b"null", 'no list "networks"'),
    (b"[]", 'no list "networks"'),
    (b"{}", 'no list "networks"'),
    (b'{"networks": {"ssid": "marker-1"}}', 'no list "networks"'),
    (b'{"networks": ["marker-1"]}', 'network 1 has no "ssid"'),
    (b'{"networks": [{"ssid": "a"}, {"password": "marker-1"}]}', 'network 2 has no "ssid"'),
    (b'{"networks": [{"ssid": 5, "password": "marker-1"}]}', 'network 1 has no "ssid"'),
    (b'{"networks": [{"ssid": "", "password": "marker-1"}]}', 'network 1 has no "ssid"'),
    (b'{"networks": [{"ssid": "a", "password": ["marker-1"]}]}', '"password" must be a string'),
    (b'{"networks": [{"ssid": "a", "password": 12345678}]}', '"password" must be a string'),
    (b'{"networks": [], "country": 5}', '"country"'),
    (b'{"networks": [], "country": "Germany"}', '"country"'),
    (b'{"networks": [], "country": "D"}', '"country"'),
    (b'{"networks": [], "accessPoint": true}', '"accessPoint" must be false'),
    (b'{"networks": [], "accessPoint": "marker-1"}', '"accessPoint" must be false'),
    (b'{"networks": [], "accessPoint": {"password": "marker1"}}', "of 8 to 63 characters"),
    (b'{"networks": [], "accessPoint": {"password": 12345678}}', "of 8 to 63 characters"),
)


def test_no_file_means_no_networks():
    assert wifi_file.wifi(None) == ([], "")


def test_networks_in_order():
    raw = b'{"networks": [{"ssid": "b", "password": "pw"}, {"ssid": "a"}, {"ssid": "c", "password": ""}]}'
    assert wifi_file.wifi(raw) == ([("b", Secret("pw")), ("a", None), ("c", None)], "")
    assert wifi_file.wifi(b'{"networks": [], "country": "DE", "more": 1}') == ([], "DE")
    assert wifi_file.wifi(b'{"networks": [], "country": ""}') == ([], "")


def test_names_outside_ascii():
    raw = '{"networks": [{"ssid": "Caf\xe9 \U0001f41d", "password": "\xe4\xf6"}]}'.encode()
    assert wifi_file.wifi(raw)[0] == [("Caf\xe9 \U0001f41d", Secret("\xe4\xf6"))]


def test_what_is_wrong_is_said_without_the_password():
    for raw, words in _BAD:
        failure = raises(Failure, wifi_file.wifi, raw)
        text = str(failure)
        assert failure.kind == GIVE_UP and text.startswith(paths.WIFI) and words in text, (raw, text)
        assert "marker" not in text and "12345678" not in text


def test_the_access_point_is_allowed_unless_the_file_says_otherwise():
    for raw in (None, b"", b"{", b"[]", b"null", b'{"networks": []}', b'{"accessPoint": {}}', b"\xff"):
        assert wifi_file.access_point(raw) == (True, None), raw
    assert wifi_file.access_point(b'{"accessPoint": {"password": "12345678"}}') == (True, Secret("12345678"))
    assert wifi_file.access_point(b'{"networks": [], "accessPoint": false}') == (False, None)
    assert wifi_file.wifi(b'{"networks": [], "accessPoint": false}') == ([], "")


def test_a_network_is_added_as_the_first_one_and_everything_else_stays():
    raw = (
        b'{"networks": [{"ssid": "a"}, {"ssid": "b", "password": "old-word"}], "country": "DE", "more": [1]}'
    )
    changed = known_networks.added(raw, "b", "new-word")
    assert wifi_file.wifi(changed) == ([("b", Secret("new-word")), ("a", None)], "DE")
    assert b'"more": [1]' in changed
    assert wifi_file.wifi(known_networks.added(changed, "a", ""))[0] == [
        ("a", None),
        ("b", Secret("new-word")),
    ]
    name = "Caf\xe9 \U0001f41d"
    assert wifi_file.wifi(known_networks.added(None, name, "\xe4\xf6\xfc\xdf\xe4\xf6"))[0][0][0] == name


def test_a_broken_file_is_replaced_and_a_broken_network_left_out():
    large = b'{"networks": [{"ssid": "b"}], "more": "' + 4096 * b"x" + b'"}'
    for raw in (None, b"", b'{"networks": [{"ss', b"[]", b"5", b'{"networks": 5}', b"\xff\xfe", large):
        assert wifi_file.wifi(known_networks.added(raw, "a", None)) == ([("a", None)], ""), raw
    raw = b'{"networks": [5, {"password": "x"}, {"ssid": 7}, {"ssid": "b"}]}'
    assert wifi_file.wifi(known_networks.added(raw, "a", None))[0] == [("a", None), ("b", None)]


def test_what_the_board_would_refuse_the_whole_file_for_does_not_outlive_a_change():
    """Else who has only the page could never bring the board onto a network."""
    for bad in (
        b'"networks": [{"ssid": ""}, {"ssid": "b"}]',
        b'"networks": [{"ssid": "a", "password": 5}, {"ssid": "b"}]',
        b'"networks": [{"ssid": "b"}], "country": "DEU"',
        b'"networks": [{"ssid": "b"}], "country": 5',
        b'"networks": [{"ssid": "b"}], "accessPoint": {"password": "short"}',
        b'"networks": [{"ssid": "b"}], "accessPoint": 7',
    ):
        raw = b"{" + bad + b', "more": 1}'
        raises(Failure, wifi_file.wifi, raw)
        changed = known_networks.added(raw, "new", None)
        assert wifi_file.wifi(changed) == ([("new", None), ("b", None)], ""), bad
        assert b'"more": 1' in changed, "what it does not know is not its concern"
        assert known_networks.forgotten(raw, "new") is None, "it was not known"
        assert wifi_file.wifi(known_networks.forgotten(raw, "b")) == ([], ""), bad


def test_so_many_networks_are_kept_and_no_more():
    raw = None
    for number in range(20):
        raw = known_networks.added(raw, f"net-{number}", None)
    names = [name for name, _ in wifi_file.wifi(raw)[0]]
    assert names == [f"net-{number}" for number in range(19, 3, -1)]


def test_what_no_network_has_is_refused_without_the_password():
    for ssid, password in (
        ("", None),
        ("x" * 33, None),
        ("\xe9" * 17, None),
        ("a\nb", None),
        ("\x1b[2J", None),
        ("\x9b2J", None),
        ("\0", None),
        ("\ud800", None),
        (5, None),
        (None, None),
        ("a", "marker1"),
        ("a", "marker-1" * 9),
        ("a", 12345678),
        ("a", ["marker-1"]),
    ):
        failure = raises(Failure, known_networks.added, None, ssid, password)
        assert failure.kind == GIVE_UP and "marker" not in str(failure)


def test_a_network_is_forgotten_or_was_not_known():
    raw = b'{"networks": [{"ssid": "a"}, {"ssid": "b"}], "country": "DE"}'
    assert wifi_file.wifi(known_networks.forgotten(raw, "a")) == ([("b", None)], "DE")
    for other in (raw, None, b"{", b"[]"):
        assert known_networks.forgotten(other, "c") is None
