"""A table of the database against a dict, with cuts, damage and a full flash."""

from device.core import paths
from device.core.table import SEGMENT_BYTES, Table
from flash import Flash

_TWINS = ("plumless", "buckeroo")  # two keys with the same CRC-32


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
    names = [f"key {number}" for number in range(keys)] + list(_TWINS)
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


def test_put_get_delete_count_find():
    table = opened(Flash())
    assert table.get("a") is None and table.count() == 0 and not list(table.find())
    table.put("a", {"celsius": 21})
    table.put("b", {"celsius": 35, "name": "söme"})
    table.put("a", {"celsius": 22})
    assert table.get("a") == {"celsius": 22} and table.get("c") is None
    assert list(table.find()) == [("b", {"celsius": 35, "name": "söme"}), ("a", {"celsius": 22})]
    assert list(table.find(lambda key, value: value["celsius"] > 30)) == [("b", table.get("b"))]
    assert table.delete("a") and not table.delete("a") and not table.delete("never")
    assert table.get("a") is None and table.count() == 1


def test_random_operations_as_on_a_dict_and_after_each_start():
    for seed in range(1, 7):
        flash, model, dice = Flash(), {}, Dice(seed)
        for _ in range(6):
            table = opened(flash)
            assert content(table) == model and table.damaged == 0
            play(table, model, dice, 120)
            assert content(table) == model
        assert content(opened(flash)) == model
        sizes = flash.sizes(paths.TABLES)
        assert max(sizes.values()) <= SEGMENT_BYTES and len(sizes) < 12, sizes
        assert opened(flash).bytes == table.bytes
