"""The service serialize: one claim ID for a board's whole life, whatever happens while it is written."""

import json

from check import raises
from device.core import claim_ids, paths
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


def test_a_flash_that_fails_leaves_the_file():
    for at in range(3):
        flash = _flash(b'{"product": "P1"}')
        flash.fail_at(at)
        raises(Failure, _boot, flash)
        assert flash.read(paths.DEVICE) == b'{"product": "P1"}'
        _boot(flash)
        assert _claim(flash)
