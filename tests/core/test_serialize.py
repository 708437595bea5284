"""The service serialize: one claim ID for a board's whole life, whatever happens while it is written."""

import json

from check import raises
from device.core import claim_ids, http, paths
from device.core.failures import GIVE_UP, Failure
from device.runtime.state import State
from device.services.serialize import SERVICE
from flash import Flash, PowerCut


class _Ports:
    """A board with a flash, and random bytes that never repeat."""

    def __init__(self, flash):
        self.store = flash
        self.board = self
        self.said = []
        self._drawn = 0

    def say(self, step, text, level="info"):
        self.said.append(step + ": " + text)

    def random_bytes(self, count):
        self._drawn += 1
        return self._drawn.to_bytes(count, "big")


def _finish(coroutine):
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


def _boot(flash):
    """Run the service once; what it said."""
    ports = _Ports(flash)
    _finish(SERVICE("serialize", State(ports)).run())
    return ports.said


def _flash(device=None, config=None):
    flash = Flash()
    flash.directories.add("/etc")
    flash.directories.add(paths.BASE)
    if device is not None:
        flash.files[paths.DEVICE] = device
    if config is not None:
        flash.files[paths.CONFIG] = config
    return flash


def _claim(flash):
    return claim_ids.of_device(flash.read(paths.DEVICE))[0]


def _mode(mode):
    return json.dumps({"services": {"cloud": {"serialize": mode}}}).encode()


def test_auto_makes_a_claim_id_once():
    for config in (None, _mode("auto"), _mode(True), b'{"services": {}}'):
        flash = _flash(config=config)
        (said,) = _boot(flash)
        code = _claim(flash)
        assert len(code) == 10 and said == f"serialize: claim ID {claim_ids.shown(code)}, new"
        changes = flash.changes
        assert _boot(flash) == ["serialize: claim ID " + claim_ids.shown(code)]
        assert _claim(flash) == code and flash.changes == changes, "nothing is written again"


def test_sixteen_symbols_and_the_other_keys_stay():
    flash = _flash(b'{"product": "P1", "claimLength": 16, "x": 1.5}')
    _boot(flash)
    found = json.loads(flash.read(paths.DEVICE))
    assert len(found.pop("claim")) == 16 and found == {"product": "P1", "claimLength": 16, "x": 1.5}


def test_a_claim_id_is_never_changed():
    for device in (b'{"claim": "7423F-FA8DT"}', b'{"claim": "7423FFA8DT"}', b'{"claim": "somebody else\'s"}'):
        for mode in ("auto", "none", "factory"):
            flash = _flash(device, _mode(mode))
            _boot(flash)
            assert flash.read(paths.DEVICE) == device and not flash.changes


def test_none_makes_nothing():
    flash = _flash(config=_mode("none"))
    (said,) = _boot(flash)
    assert "no claim ID" in said and not flash.changes


def test_what_cannot_be_read_is_left_alone():
    for device, config, words in (
        (b'{"claim": ', None, "device.json"),
        (b" " * 4097, None, "4097 bytes"),
        (None, b"{", "config.json"),
        (None, _mode("always"), "auto, none, factory"),
        (b'{"claimLength": 11}', None, "claimLength"),
    ):
        flash = _flash(device, config)
        failure = raises(Failure, _boot, flash)
        assert failure.kind == GIVE_UP and words in str(failure)
        assert flash.files.get(paths.DEVICE) == device and not flash.changes


def test_a_cut_after_any_change_leaves_one_claim_id():
    for device in (None, b'{"product": "P1"}', b'{"claim": "", "product": "P1"}'):
        for after in range(10):
            flash = _flash(device)
            flash.cut_after(after)
            try:
                _boot(flash)
                was_cut = False
            except PowerCut:
                was_cut = True
            flash.cut_after(None)
            before = flash.read(paths.DEVICE)
            assert before == device or _claim(flash), "the file is the old one or the new one"
            seen = _claim(flash) if before else ""
            _boot(flash)
            assert _claim(flash) == (seen or _claim(flash))
            assert device is None or claim_ids.of_device(flash.read(paths.DEVICE))[2] == "P1"
            if not was_cut:
                break
        assert after == 3


class _Line(_Ports):
    """A board on a production line. `given`: what the server answers; `asked`: what it was asked."""

    BUILD_TIME = 1700000000
    TLS_HEAP_BYTES = 0
    TLS_SESSIONS = 1
    WEB_BESIDE_TLS = True

    def __init__(self, flash, given):
        super().__init__(flash)
        self.build = self.network = self.clock = self
        self.time_s = 1609459200
        self.given = given
        self.asked = []

    def name(self):
        return "pico_w-e66"

    def connected(self):
        return True

    def ms(self):
        return 0

    def unix(self):
        return self.time_s

    def set_unix(self, unix_s):
        self.time_s = unix_s

    async def wait(self, work, limit_ms):
        await work
        return True

    async def exchange(self, address, method, headers, body, path, limit_bytes, files):
        self.asked.append((http.where(address), method, headers, body))
        return self.given


_FACTORY = b'{"url": "https://line:8446/claim", "token": "s3cret", "unix": 1790000000}'
_GIVEN = http.Answer(200, {}, b'{"claim": "7423FFA8DT", "product": "P1"}')


def _line(given=_GIVEN):
    flash = _flash(config=_mode("factory"))
    flash.directories.add(paths.ROOTS)
    flash.files[paths.FACTORY] = _FACTORY
    flash.files[paths.FACTORY_ROOT] = b"root"
    return _Line(flash, given)


def _serialize(ports):
    _finish(SERVICE("serialize", State(ports)).run())


def test_the_factory_gives_the_claim_id_and_is_forgotten():
    ports = _line()
    _serialize(ports)
    headers = {"Content-Type": "application/json", "Authorization": "Bearer s3cret"}
    (asked,) = ports.asked
    assert asked[:3] == ("line:8446", "POST", headers)
    assert json.loads(asked[3]) == {"hardware": "pico_w-e66", "serial": ""}
    assert json.loads(ports.store.read(paths.DEVICE)) == {"claim": "7423FFA8DT", "product": "P1"}
    assert not ports.store.exists(paths.FACTORY) and not ports.store.exists(paths.FACTORY_ROOT)
    assert ports.time_s == 1790000000, "the server's certificate is not of the future"
    assert "s3cret" not in " ".join(ports.said)
    _serialize(ports)
    assert len(ports.asked) == 1


def test_a_factory_that_refuses_changes_nothing():
    for given in (http.Answer(409, {}, b'{"error": "two boards"}'), http.Answer(200, {}, b"{}")):
        ports = _line(given)
        before = dict(ports.store.files)
        raises(Failure, _serialize, ports)
        assert ports.store.files == before
    ports = _line()
    ports.store.files[paths.FACTORY] = b"{"
    raises(Failure, _serialize, ports)
    assert ports.asked == []


def test_a_cut_on_the_line_ends_with_one_claim_id_and_without_the_token():
    for after in range(20):
        ports = _line()
        ports.store.cut_after(after)
        try:
            _serialize(ports)
            was_cut = False
        except PowerCut:
            was_cut = True
        ports.store.cut_after(None)
        _serialize(ports)
        assert _claim(ports.store) == "7423FFA8DT"
        assert not ports.store.exists(paths.FACTORY) and not ports.store.exists(paths.FACTORY_ROOT)
        if not was_cut:
            break
    assert after == 5


def test_a_flash_that_fails_leaves_the_file():
    for at in range(3):
        flash = _flash(b'{"product": "P1"}')
        flash.fail_at(at)
        raises(Failure, _boot, flash)
        assert flash.read(paths.DEVICE) == b'{"product": "P1"}'
        _boot(flash)
        assert _claim(flash)
