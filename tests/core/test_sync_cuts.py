"""Power cuts during a synchronisation, before every change of flash and cloud: both sides end equal."""

from device.core import fields, paths
from flash import Flash, PowerCut
from sync_world import Board, Cloud
from tables import Dice, content, document


def _prepared():
    """(files, cloud) of a board in step, after which both sides have changed while it was off line."""
    cloud = Cloud()
    board = Board(Flash(), cloud, fields.BOTH)
    for number in range(12):
        board.table_.put(f"ours {number}", {"n": number, "text": "x" * 200})
        board.table_.put(f"shared {number}", {"n": number})
        cloud.change(f"theirs {number}", {"n": number})
    board.in_step()
    for number in range(6):
        board.table_.put(f"ours {number}", {"board": number, "text": "y" * 300})
        board.table_.put(f"shared {number}", {"board": number})
        cloud.change(f"shared {number}", {"cloud": number} if number % 2 else None)
        cloud.change(f"theirs {number}", {"cloud": number} if number % 2 else None)
    for number in range(6, 9):
        board.table_.delete(f"ours {number}")
        board.table_.delete(f"shared {number}")
        cloud.change(f"shared {number}", {"cloud": number})
    cloud.stored = []
    return board, cloud


def _wanted():
    wanted = {}
    for number in range(12):
        wanted[f"ours {number}"] = {"n": number, "text": "x" * 200}
        wanted[f"theirs {number}"] = wanted[f"shared {number}"] = {"n": number}
    for number in range(6):
        wanted[f"ours {number}"] = {"board": number, "text": "y" * 300}
        wanted[f"shared {number}"] = {"cloud": number}
        wanted[f"theirs {number}"] = {"cloud": number}
        if not number % 2:
            del wanted[f"shared {number}"]
            del wanted[f"theirs {number}"]
    for number in range(6, 9):
        del wanted[f"ours {number}"]
        wanted[f"shared {number}"] = {"cloud": number}
    return wanted


def _copied(board, cloud):
    """Both as they are now, after a start of the board."""
    flash = Flash()
    flash.files = dict(board.flash.files)
    flash.directories = set(board.flash.directories)
    flash.ids = board.flash.ids
    other = Cloud()
    other.rows = {key: list(cloud.rows[key]) for key in cloud.rows}
    other.last, other.heard = cloud.last, dict(cloud.heard)
    return Board(flash, other, fields.BOTH), other


def _synchronised(board, after):
    """Synchronise with a cut after so many changes; return whether it came to that."""
    board.flash.cut_after(after)
    try:
        board.in_step()
    except PowerCut:
        return True
    finally:
        board.flash.cut_after(None)
    return False


def test_a_cut_at_any_change_loses_nothing_and_does_nothing_twice():
    first, cloud = _prepared()
    wanted = _wanted()
    after = 0
    is_cut = True
    while is_cut:
        board, other = _copied(first, cloud)
        is_cut = _synchronised(board, after)
        for second in (0, after // 2, None):
            again, last = _copied(board, other)
            last.stored = list(other.stored)
            if second is not None:
                _synchronised(again, second)
                again = Board(again.flash, last, fields.BOTH)
            again.in_step()
            assert content(again.table_) == last.documents() == wanted, (after, second)
            assert len(set([key for key, _ in last.stored])) == len(last.stored) == 9, last.stored
        after += 1
    assert after > 12, after


class _Life:
    """A board that changes things, is cut and starts, and a cloud that changes things meanwhile."""

    def __init__(self, seed):
        self.dice = Dice(seed)
        self.flash, self.cloud = Flash(), Cloud()
        self.ours, self.theirs = {}, {}
        self.cuts = 0
        self.board = Board(self.flash, self.cloud, fields.BOTH)

    def turn(self):
        """Some changes on both sides, then a synchronisation, which may be cut."""
        for _ in range(self.dice.below(12)):
            self._change_here()
            self._change_there()
        self.flash.cut_after(self.dice.below(60))
        try:
            self.board.meanwhile = self._change_here if self.dice.below(2) else None
            self.board.lose = self.dice.below(3)
            self.board.news()
            self.board.synchronise()
        except PowerCut:
            self.cuts += 1
        self._start()

    def _start(self):
        self.flash.cut_after(None)
        self.board = Board(self.flash, self.cloud, fields.BOTH)

    def _change_here(self):
        key = f"ours {self.dice.below(25)}"
        value = document(self.dice) if self.dice.below(3) else None
        shared = f"shared {self.dice.below(5)}"
        table = self.board.table_
        try:
            if value is None:
                table.delete(key)
            else:
                table.put(key, value)
        except PowerCut:
            self.ours[key] = _either(self.flash, key)  # as the flash has it
            raise
        self.ours[key] = value
        table.put(shared, {"here": self.dice.below(1000)})

    def _change_there(self):
        key = f"theirs {self.dice.below(25)}"
        self.theirs[key] = document(self.dice) if self.dice.below(3) else None
        self.cloud.change(key, self.theirs[key])
        if not self.dice.below(3):
            shared = f"shared {self.dice.below(5)}"
            self.cloud.change(shared, {"there": self.dice.below(1000)} if self.dice.below(3) else None)

    def check(self):
        self.board.in_step()
        found = content(self.board.table_)
        assert found == self.cloud.documents()
        wanted = dict(self.ours)
        wanted.update(self.theirs)
        for key in wanted:
            assert found.get(key) == wanted[key], key


def _either(flash, key):
    flash.cut_after(None)
    return Board(flash, Cloud(), fields.BOTH).table_.get(key)


def test_long_lives_with_cuts_lost_answers_and_changes_everywhere():
    cuts = 0
    for seed in range(1, 9):
        life = _Life(seed)
        for turn in range(40):
            life.turn()
            if turn % 10 == 9:
                life.check()
        cuts += life.cuts
        assert max(life.flash.sizes(paths.TABLES).values()) <= 4096
    assert cuts > 30, cuts


def _measure(board, stored, start):
    """As examples/sensor does: store readings, and forget those that the cloud has."""
    for number in range(14):
        key = f"{start}-{number}"
        board.table_.put(key, {"n": number, "text": "x" * 200})
        stored.append(key)
        if number % 3 == 2:
            board.synchronise()
            for kept, _ in list(board.table_.find()):
                board.table_.forget(kept)


def test_forgotten_readings_are_in_the_cloud_wherever_the_power_is_cut():
    after, is_cut = 0, True
    while is_cut:
        flash, cloud, stored, is_cut = Flash(), Cloud(), [], False
        for start in range(3):
            board = Board(flash, cloud, fields.UP)
            flash.cut_after(after if start < 2 else None)
            try:
                _measure(board, stored, start)
            except PowerCut:
                is_cut = True
            flash.cut_after(None)
        board = Board(flash, cloud, fields.UP)
        board.in_step()
        found = cloud.documents()
        assert not [key for key in stored if key not in found], after
        assert len(cloud.stored) == len(found), "each once"
        assert len(found) - len(stored) <= 2, "one was being stored at each cut"
        after += 1
    assert after > 30, after
