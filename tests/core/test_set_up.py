"""The name of the board's own access point, whatever device.json says."""

from device.core import paths
from device.core.failures import GIVE_UP, Failure
from device.runtime import set_up


class _State:
    """Of a board whose device.json has these bytes."""

    def __init__(self, raw):
        self.ports = self.store = self.board = self
        self._raw = raw

    def read(self, path, limit):
        assert path == paths.DEVICE and limit == 4096
        if self._raw is None:
            raise Failure(GIVE_UP, "too large")
        return self._raw

    @staticmethod
    def name():
        return "pico_w-e6614c311b4f2a37"


def test_it_ends_as_the_claim_id_on_the_label():
    assert set_up.name_of(_State(b'{"claim": "7423F-FA8DT"}')) == "muster-A8DT"


def test_without_a_claim_id_it_ends_as_the_hardware_number():
    claims = (b"[1, 2, 3, 4, 5]", b'{"a": 1}', b"12345678", b"null", b'"1234"', b'""', b"true")
    for raw in [b'{"claim": ' + claim + b"}" for claim in claims] + [None, b"", b"{", b"[]", b"{}", b"\xff"]:
        assert set_up.name_of(_State(raw)) == "muster-2a37", raw
