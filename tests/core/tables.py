"""What the tests of a table share: the table on a model of the flash, and a dict to compare it with."""

from device.core import paths
from device.core.table import Table

TWINS = ("plumless", "buckeroo")  # two keys with the same CRC-32


class Dice:
    """The same numbers on every interpreter."""

    def __init__(self, seed):
        self._state = seed * 2654435761 & 0xFFFFFFFF or 1

    def below(self, limit):
        self._state ^= self._state << 13 & 0xFFFFFFFF
        self._state ^= self._state >> 17
        self._state ^= self._state << 5 & 0xFFFFFFFF
        return self._state % limit


async def _pause(duration_ms):
    pass


def _allow(table, size, count):
    pass


def opened(flash, name="readings", allow=_allow):
    """The table as the service opens it after a start."""
    table = Table(flash, name, allow, _pause)
    ends = [file.split(".")[1] for file in flash.sizes(paths.TABLES) if file.split(".")[0] == name]
    for _ in table.load(ends):
        pass
    return table


def content(table):
    """{key: document}, by `find`, which must agree with the other calls."""
    found = {}
    for key, document in table.find():
        assert key not in found, key
        found[key] = document
        assert table.get(key) == document
    assert table.count() == len(found)
    return found


def document(dice, size=None):
    return {"n": dice.below(1000000), "text": "x" * (dice.below(300) if size is None else size)}


def play(table, model, dice, steps, keys=30):
    """Random operations on the table and on the dict `model`."""
    names = [f"key {number}" for number in range(keys)] + list(TWINS)
    for _ in range(steps):
        key = names[dice.below(len(names))]
        choice = dice.below(10)
        if choice < 5:
            model[key] = document(dice)
            table.put(key, model[key])
        elif choice < 6:
            some = {names[dice.below(len(names))]: document(dice, 100) for _ in range(5)}
            model.update(some)
            table.put_all(some)
        elif choice < 9:
            assert table.delete(key) == (key in model)
            model.pop(key, None)
        else:
            assert table.get(key) == model.get(key)
