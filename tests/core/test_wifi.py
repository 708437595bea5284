"""wifi.json: networks in order, and messages that never hold a password."""

from check import raises
from device.core import paths, settings
from device.core.failures import GIVE_UP, Failure
from device.core.secret import Secret

_BAD = (
    (b"", "not valid JSON"),
    (b"\xff\xfe", "not valid JSON"),
    (b'{"networks": [{"ssid": "home", "password": "marker-1"}', "not valid JSON"),
    (b'{"networks": [{"ssid": "home", "password": "marker-1', "not valid JSON"),
    (b"[" * 8000, "not valid JSON"),
    (b"[" * 3000 + b"]" * 3000, "not valid JSON"),
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
)


def test_no_file_means_no_networks():
    assert settings.wifi(None) == ([], "")


def test_networks_in_order():
    raw = b'{"networks": [{"ssid": "b", "password": "pw"}, {"ssid": "a"}, {"ssid": "c", "password": ""}]}'
    assert settings.wifi(raw) == ([("b", Secret("pw")), ("a", None), ("c", None)], "")
    assert settings.wifi(b'{"networks": [], "country": "DE", "more": 1}') == ([], "DE")
    assert settings.wifi(b'{"networks": [], "country": ""}') == ([], "")


def test_names_outside_ascii():
    raw = '{"networks": [{"ssid": "Caf\xe9 \U0001f41d", "password": "\xe4\xf6"}]}'.encode()
    assert settings.wifi(raw)[0] == [("Caf\xe9 \U0001f41d", Secret("\xe4\xf6"))]


def test_what_is_wrong_is_said_without_the_password():
    for raw, words in _BAD:
        failure = raises(Failure, settings.wifi, raw)
        text = str(failure)
        assert failure.kind == GIVE_UP and text.startswith(paths.WIFI) and words in text, (raw, text)
        assert "marker" not in text and "12345678" not in text
