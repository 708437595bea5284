"""device.port.store on a real LittleFS; run under MicroPython by test_store.py."""

import gc
import os

from small_flash import Board, cut_everywhere

from check import raises
from device.core import fields, paths, slots
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.core.ports import Ports
from device.port import store
from device.runtime import identity
from device.runtime.state import State

_FILE = paths.BASE + "/journal.json"
_CERTIFICATES = {b"old": "aa" * 32, b"new": "bb" * 32}
_KEPT = slots.kept(_CERTIFICATES[b"old"])


def _files(name):
    files = {
        paths.ROOT_CA: b"root of " + name,
        paths.CERTIFICATE: b"certificate " + name * 60,
        paths.PRIVATE_KEY: b"key " + name * 90,
    }
    who = slots.Identity(name.decode(), "a.example", 8883, _CERTIFICATES[name])
    files[paths.IDENTITY] = slots.seal(slots.digests(files), who, {})
    return files


_OLD = _files(b"old")
_NEW = _files(b"new")


def _write_slot(path, files):
    for name in sorted(files):
        if name != paths.IDENTITY:
            store.write(path + "/" + name, files[name])
    store.write(path + "/" + paths.IDENTITY, files[paths.IDENTITY])


class _Settings:
    provisioned = False


class _Quiet:
    @staticmethod
    def say(step, text, level):
        pass


def _who():
    """The name of the identity that the board boots with, or None. Brings the slots in order."""
    state = State(Ports(_Quiet, None, store, None, None, None, None))
    state.settings = _Settings
    identity.know_self(state)
    if state.identity is None:
        return None
    name = state.identity.thing_name.encode()
    assert store.read_slot(paths.CERT) == _files(name), "never a torn identity"
    return name


def _promote():
    """Make the sealed trial slot the active one."""
    store.apply(slots.promote(slots.replaced(store.read_slot(paths.CERT))))


def _board(*slots_on_it, blocks=32):
    """A board with these (path, files) on its flash."""
    board = Board(blocks)
    board.boot()
    store.write(_FILE, b"makes the directory")
    store.remove(_FILE)
    for path, files in slots_on_it:
        _write_slot(path, files)
    board.off()
    return board


def test_write_read_exists_remove():
    _board().boot()
    for size in (0, 1, 500, 4096, 5000, 16384):
        content = bytes(at & 0xFF for at in range(size))
        store.write(_FILE, content)
        assert store.read(_FILE) == content and store.exists(_FILE)
        assert not store.exists(_FILE + paths.NEW)
    store.remove(_FILE)
    assert store.read(_FILE) is None and not store.exists(_FILE)
    store.remove(_FILE)
    assert store.read("/no/such/folder/file") is None


def test_a_file_that_is_too_large_is_not_read_into_memory():
    _board().boot()
    store.write(_FILE, bytes(16385))
    failure = raises(Failure, store.read, _FILE)
    assert failure.kind == GIVE_UP and "16385 bytes; the limit is 16384" in str(failure)
    assert store.read(_FILE, 20000) == bytes(16385)


def test_directories_are_made_and_removed_as_a_whole():
    _board().boot()
    for name in ("a", "b/c", "b/d/e"):
        store.write(paths.TRIAL + "/" + name, b"x")
    store.remove(paths.TRIAL)
    assert not store.exists(paths.TRIAL) and store.exists(paths.BASE)


def test_a_slot_is_read_with_what_is_missing_in_it():
    _board((paths.CERT, _OLD)).boot()
    assert store.read_slot(paths.CERT) == _OLD
    assert store.read_slot(paths.TRIAL) is None
    store.remove(paths.CERT + "/" + paths.PRIVATE_KEY)
    assert store.read_slot(paths.CERT)[paths.PRIVATE_KEY] is None


def test_copying_a_file():
    _board((paths.CERT, _OLD)).boot()
    source, target = paths.CERT + "/" + paths.PRIVATE_KEY, paths.TRIAL + "/" + paths.PRIVATE_KEY
    store.copy(source, target)  # into a directory that is not there yet
    assert store.read(target) == store.read(source) == _OLD[paths.PRIVATE_KEY]
    store.copy(paths.CERT + "/" + paths.CERTIFICATE, target)
    assert store.read(target) == _OLD[paths.CERTIFICATE]


def test_copying_what_is_not_there_says_so_and_changes_nothing():
    _board((paths.CERT, _OLD)).boot()
    missing, target = paths.BOOTSTRAP + "/" + paths.ROOT_CA, paths.CERT + "/" + paths.ROOT_CA
    failure = raises(Failure, store.copy, missing, target)
    assert failure.kind == GIVE_UP and missing + " is missing" in str(failure)
    assert store.read_slot(paths.CERT) == _OLD
    with open(missing.replace(paths.BOOTSTRAP, ""), "wb") as file:
        file.write(bytes(16385))
    raises(Failure, store.copy, "/" + paths.ROOT_CA, target)
    assert store.read_slot(paths.CERT) == _OLD


def test_digests_of_a_slot():
    _board((paths.CERT, _OLD)).boot()
    found = store.digests(paths.CERT)
    assert found == slots.digests(_OLD) and slots.match(found, found)
    store.remove(paths.CERT + "/" + paths.ROOT_CA)
    assert store.digests(paths.CERT)[paths.ROOT_CA] is None
    assert store.digests(paths.CERT)[paths.PRIVATE_KEY] == found[paths.PRIVATE_KEY]
    assert store.digests(paths.TRIAL) == {name: None for name in slots.FILES}


def test_moving_a_slot_makes_the_directory_that_it_goes_into():
    _board((paths.CERT, _OLD)).boot()
    assert not store.exists(paths.KEPT)
    store.apply([(slots.RENAME, paths.CERT, _KEPT)])
    assert store.read_slot(_KEPT) == _OLD and store.read_slot(paths.CERT) is None


def test_moving_what_is_not_there_does_nothing():
    _board((paths.CERT, _OLD)).boot()
    store.apply([(slots.RENAME, paths.TRIAL, _KEPT), (slots.REMOVE, paths.TRIAL)])
    assert not store.exists(paths.KEPT), "not even a directory"
    store.apply([(slots.RENAME, paths.TRIAL, paths.CERT)])
    assert store.read_slot(paths.CERT) == _OLD
    store.apply([])


def test_a_slot_without_a_key_is_not_kept():
    _board((paths.CERT, _OLD), (paths.TRIAL, _NEW)).boot()
    store.remove(paths.CERT + "/" + paths.PRIVATE_KEY)
    assert _who() == b"new" and not store.exists(paths.KEPT)


def test_tidy_removes_what_was_half_written():
    _board((paths.TRIAL, _NEW)).boot()
    left = [path + paths.NEW for path in (_FILE, paths.TRIAL + "/x", paths.CONF)]
    for path in left:
        with open(path, "wb") as file:
            file.write(b"half")
    store.tidy()
    assert not any(store.exists(path) for path in left)
    assert store.read_slot(paths.TRIAL) == _NEW


def test_a_write_cut_anywhere_leaves_the_old_or_the_new_content():
    for old, new in ((b"old", b"new" * 3), (b"o" * 5000, b"n" * 6000), (b"o" * 700, b""), (None, b"n" * 900)):
        board = _board()
        if old is not None:
            board.boot()
            store.write(_FILE, old)
            board.off()
        seen = set()

        def check(copy, done, old=old, new=new, seen=seen):
            copy.boot()
            found = store.read(_FILE)
            assert found == new if done else found in (old, new)
            seen.add(found)
            store.tidy()
            store.write(_FILE, b"next")
            assert store.read(_FILE) == b"next"

        cuts = cut_everywhere(board, lambda new=new: store.write(_FILE, new), check)
        assert cuts >= 4 and seen == {old, new}


def test_a_new_identity_cut_anywhere_leaves_the_old_or_the_new_one():
    board = _board((paths.CERT, _OLD))
    seen = {}

    def work():
        _write_slot(paths.TRIAL, _NEW)
        _promote()

    def check(copy, done):
        copy.boot()
        who = _who()
        assert who == b"new" if done else who in (b"old", b"new")
        seen[who] = seen.get(who, 0) + 1
        if who == b"new":
            assert not store.exists(paths.TRIAL) and store.read_slot(_KEPT) == _OLD, "the old key is kept"

    assert cut_everywhere(board, work, check) > 30
    assert min(seen[b"old"], seen[b"new"]) > 3


def test_the_first_identity_cut_anywhere_is_there_or_not():
    def work():
        _write_slot(paths.TRIAL, _NEW)
        _promote()

    def check(copy, done):
        copy.boot()
        assert _who() == b"new" if done else _who() in (None, b"new")

    cut_everywhere(_board(), work, check)


def test_promotion_and_recovery_both_cut_anywhere_end_with_the_new_identity():
    """A sealed trial slot is always worth promoting, whatever else is on the flash."""
    for others in (((paths.CERT, _OLD),), (), ((_KEPT, _OLD),)):
        board = _board(*others + ((paths.TRIAL, _NEW),))

        def after_second(copy, done, others=others):
            copy.boot()
            assert _who() == b"new" and not store.exists(paths.TRIAL)
            assert store.read_slot(_KEPT) == (_OLD if others else None)

        def after_first(copy, done):
            cut_everywhere(copy, _who, after_second)
            gc.collect()

        cut_everywhere(board, _promote, after_first)


def test_a_removal_cut_anywhere_can_be_repeated():
    def check(copy, done):
        copy.boot()
        store.remove(paths.KEPT)
        assert not store.exists(paths.KEPT) and store.read_slot(paths.CERT) == _OLD

    board = _board((slots.kept("c"), _NEW), (paths.CERT, _OLD))
    cut_everywhere(board, lambda: store.remove(paths.KEPT), check)


def _fill(leave=0):
    """Fill the flash to the last block, `leave` bytes apart."""
    number = 0
    try:
        for number in range(1000):
            with open(f"/filler{number}", "wb") as file:
                file.write(bytes(1024))
    except OSError:
        pass
    while leave > 0:
        os.remove(f"/filler{number}")
        number -= 1
        leave -= 1024


def test_a_full_flash_says_so_and_keeps_the_old_content():
    _board((paths.CERT, _OLD), blocks=24).boot()
    store.write(_FILE, b"old" * 300)
    _fill()
    for path, content in ((_FILE, b"new" * 5000), (paths.BASE + "/fresh.json", bytes(9000))):
        failure = raises(Failure, store.write, path, content)
        assert failure.kind == GIVE_UP and "flash is full at " + path in str(failure) and failure.advice
        assert not store.exists(path + paths.NEW), "half a file takes the room that is needed"
    assert store.read(_FILE) == b"old" * 300
    assert _who() == b"old"
    assert not store.has_room(9000)


def test_a_flash_that_was_full_goes_on_when_there_is_room_again():
    board = _board((paths.CERT, _OLD), blocks=24)
    board.boot()
    _fill()
    raises(Failure, _write_slot, paths.TRIAL, dict(_NEW, **{paths.PRIVATE_KEY: bytes(9000)}))
    for name in os.listdir("/"):
        if name.startswith("filler"):
            os.remove("/" + name)
    assert store.has_room(9000)
    _write_slot(paths.TRIAL, _NEW)
    _promote()
    board.off()
    board.boot()
    assert _who() == b"new"


def test_a_full_flash_cut_anywhere_keeps_the_identity():
    board = _board((paths.CERT, _OLD), blocks=24)
    board.boot()
    _fill(2048)
    board.off()

    def work():
        try:
            _write_slot(paths.TRIAL, _NEW)
            _promote()
        except Failure:
            pass

    def check(copy, done):
        copy.boot()
        assert _who() in (b"old", b"new")

    cut_everywhere(board, work, check)


def test_a_flash_that_fails_is_a_trouble_and_never_another_exception():
    board = _board((paths.CERT, _OLD), (paths.TRIAL, _NEW))
    for call in (
        lambda: store.write(_FILE, b"x" * 5000),
        lambda: store.write(paths.BASE + "/deep/er/file", b"x"),
        lambda: store.remove(paths.TRIAL),
        lambda: store.remove(paths.CERT + "/" + paths.PRIVATE_KEY),
        lambda: store.apply([(slots.REMOVE, paths.TRIAL)]),
        lambda: store.apply([(slots.RENAME, paths.CERT, _KEPT)]),
        lambda: store.copy(paths.CERT + "/" + paths.ROOT_CA, _FILE),
        store.tidy,
    ):
        copy = board.copy()
        copy.boot()
        with open(_FILE + paths.NEW, "wb") as file:
            file.write(b"half")
        copy.flash.broken = True
        failure = raises(Failure, call)
        assert failure.kind == AGAIN and "flash error" in str(failure)
        assert store.read_slot(paths.CERT)[paths.CERTIFICATE] == _OLD[paths.CERTIFICATE]


def test_room_is_told_by_writing_when_the_file_system_is_not_sure():
    _board(blocks=24).boot()
    assert store.has_room(5000) and 5000 < store.space()[0] < store.space()[1] == 24 * 4096
    _fill()
    assert 0 <= store.space()[0] < 4096
    before = sorted(os.listdir("/"))
    assert not store.has_room(5000)
    assert sorted(os.listdir("/")) == before and not os.listdir(paths.BASE)


def test_keys_of_the_seal_are_the_identity_s():
    assert slots.document(_NEW)[fields.THING_NAME] == "new"
