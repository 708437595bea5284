"""Files written in pieces by device.port.store on a real LittleFS; run under MicroPython by test_store.py."""

import os

from small_flash import Board, cut_everywhere

from check import raises
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.port import store


def _download():
    """Replace a file piece by piece, as a download does."""
    part = store.part("/data/file")
    for number in range(12):
        part.write(bytes([number]) * 1000)
    part.done()


def test_a_file_in_pieces_cut_anywhere_is_the_old_one_or_the_new_one():
    board = Board()
    board.boot()
    store.write("/data/file", b"old")
    board.off()

    def check(copy, done):
        copy.boot()
        found = store.read("/data/file")
        assert len(found) == 12000 or (found == b"old" and not done)
        _download()  # what was left of the part is no obstacle
        assert len(store.read("/data/file")) == 12000 and os.listdir("/data") == ["file"]

    assert cut_everywhere(board, _download, check) > 10


def test_a_file_in_pieces_that_is_dropped_or_does_not_fit_leaves_the_old_one():
    board = Board(blocks=16)
    board.boot()
    store.write("/data/file", b"old")
    part = store.part("/data/file")
    part.write(b"x" * 1000)
    part.drop()
    assert store.read("/data/file") == b"old" and os.listdir("/data") == ["file"]
    part = store.part("/data/file")
    failure = raises(Failure, lambda: [part.write(b"x" * 1000) for _ in range(200)])
    assert failure.kind == GIVE_UP and "flash is full" in str(failure)
    part.drop()
    assert store.read("/data/file") == b"old" and os.listdir("/data") == ["file"]


def test_a_file_in_pieces_on_a_flash_that_fails():
    board = Board()
    board.boot()
    store.write("/data/file", b"old")
    part = store.part("/data/file")
    part.write(b"x" * 1000)
    board.flash.broken = True
    assert raises(Failure, part.done).kind == AGAIN
    assert raises(Failure, store.part, "/data/other").kind == AGAIN
    board.flash.broken = False
    assert store.read("/data/file") == b"old"
