"""Tables and the cloud: what is sent and fetched, conflicts, deletions, numbers, hostile answers."""

import json

from check import raises
from device.core import board_config, fields, paths, sync
from device.core.failures import Failure
from device.core.unsent import Batch
from flash import Flash
from sync_world import Board, Cloud, started
from tables import TWINS, Dice, content, document, opened


def test_what_the_board_changes_is_sent():
    for direction in (fields.UP, fields.BOTH):
        board, cloud = started(direction)
        board.table_.put("a", {"n": 1})
        board.table_.put_all({"b": {"n": 2}, "c": {"text": 'sö"me\n'}, TWINS[0]: {}, TWINS[1]: {"x": 1}})
        board.table_.put("a", {"n": 3})
        board.table_.delete("b")
        board.in_step()
        assert cloud.documents() == content(board.table_)
        assert sorted(key for key, _ in cloud.stored) == sorted(["a", "c", TWINS[0], TWINS[1]])
        board.table_.delete("c")
        board.table_.put("c", {"text": "again"})
        board.in_step()
        assert cloud.stored[4:] == [("c", {"text": "again"})]
        requests = len(cloud.requests)
        board.table_.delete(TWINS[1])
        board.in_step()
        assert cloud.documents() == content(board.table_)
        assert len(cloud.requests) == requests + 1
        board = Board(board.flash, cloud, direction)
        board.in_step()
        assert cloud.documents() == content(board.table_)


def test_what_the_cloud_changes_is_fetched_and_not_sent_back():
    for direction in (fields.DOWN, fields.BOTH):
        board, cloud = started(direction)
        model = {f"key {number}": document(Dice(number + 1), 50) for number in range(60)}
        for key in model:
            cloud.change(key, model[key])
        cloud.change(TWINS[0], {"n": 1})
        cloud.change(TWINS[1], {"n": 2})
        cloud.change("key 7", None)
        cloud.change("never", None)
        board.in_step()
        assert content(board.table_) == cloud.documents() and len(content(board.table_)) == 61
        assert not cloud.stored and not any(asked[fields.CHANGES] for asked in cloud.requests)
        board = Board(board.flash, cloud, direction)
        requests = len(cloud.requests)
        board.in_step()
        assert len(cloud.requests) == requests + 1, "one question at a start"
        assert not cloud.requests[-1][fields.CHANGES] and cloud.requests[-1][fields.SEEN] == cloud.last


def test_a_direction_keeps_the_other_one_out():
    board, cloud = started(fields.UP)
    cloud.change("theirs", {"n": 1})
    board.table_.put("ours", {"n": 2})
    board.in_step()
    assert content(board.table_) == {"ours": {"n": 2}}
    assert all(fields.SEEN not in asked for asked in cloud.requests)
    board, cloud = started(fields.DOWN)
    cloud.change("theirs", {"n": 1})
    board.table_.put("ours", {"n": 2})
    board.in_step()
    assert cloud.documents() == {"theirs": {"n": 1}} and board.table_.get("ours") == {"n": 2}


def test_a_board_that_is_only_sent_from_overwrites_what_is_in_the_cloud():
    board, cloud = started(fields.UP)
    board.table_.put("a", {"n": 1})
    board.in_step()
    cloud.change("a", {"n": 2})
    board.table_.put("a", {"n": 3})
    board.in_step()
    assert cloud.documents() == {"a": {"n": 3}}


def test_the_cloud_wins_where_both_have_changed_a_document():
    board, cloud = started()
    for key in "abcdef":
        board.table_.put(key, {"n": 0})
    board.in_step()
    cloud.change("a", {"cloud": 1})
    board.table_.put("a", {"board": 1})
    cloud.change("b", None)
    board.table_.put("b", {"board": 1})
    cloud.change("c", {"cloud": 1})
    board.table_.delete("c")
    cloud.change("d", None)
    board.table_.delete("d")
    board.table_.put("e", {"board": 1})
    cloud.change("f", {"cloud": 1})
    cloud.change("new", {"cloud": 1})
    board.table_.put("new", {"board": 1})
    board.in_step()
    wanted = {"a": {"cloud": 1}, "c": {"cloud": 1}, "e": {"board": 1}, "f": {"cloud": 1}, "new": {"cloud": 1}}
    assert content(board.table_) == wanted == cloud.documents()
    assert any("4 changes do not count" in text for text in board.said), board.said
    board.table_.put("a", {"board": 2})  # what it has seen it may change
    board.table_.put("b", {"board": 2})
    board.in_step()
    assert cloud.documents() == content(board.table_) and cloud.documents()["a"] == {"board": 2}
    assert cloud.documents()["b"] == {"board": 2}


def test_a_change_while_an_answer_is_on_its_way():
    board, cloud = started()
    board.table_.put("a", {"n": 1})
    steps = [lambda: board.table_.put("a", {"n": 2}), lambda: board.table_.delete("a")]

    def meanwhile():
        if steps:
            steps.pop(0)()

    board.meanwhile = meanwhile
    cloud.change("x", {"n": 0})
    board.in_step()
    assert not steps and cloud.documents() == content(board.table_) == {"x": {"n": 0}}


def test_a_busy_table_does_not_keep_the_others_waiting():
    board, cloud = started()
    turns = []

    def meanwhile():
        turns.append(len(turns))
        assert len(turns) < 30
        board.table_.put(f"key {len(turns)}", {"n": 1})

    board.meanwhile = meanwhile
    board.table_.put("first", {"n": 1})
    assert board.synchronise() is None and len(turns) == 1
    board.meanwhile = None
    board.in_step()
    assert cloud.documents() == content(board.table_)


def _watched(flash):
    """The paths that `write` is called with from now on."""
    write, paths_written = flash.write, []

    def watched(path, content):
        paths_written.append(path)
        write(path, content)

    flash.write = watched
    return paths_written


def test_what_is_only_sent_is_seldom_written_down():
    for direction in (fields.UP, fields.BOTH):
        board, cloud = started(direction)
        board.in_step()
        count = len(cloud.requests)
        writes = _watched(board.flash)
        for number in range(32):
            board.table_.put(f"key {number}", {"n": number})
            board.synchronise()
        assert len(cloud.requests) == count + 32 and len(writes) <= 3, writes


def test_a_released_board_writes_nothing_more():
    board, cloud = started()
    cloud.change("a", {"n": 1})

    def released():
        board.service.directions = {}
        board.flash.remove(paths.SYNC)

    board.meanwhile = released
    board.synchronise()
    assert board.flash.read(paths.SYNC) is None and not board.service._has_work()


def test_forgotten_documents_stay_in_the_cloud():
    board, cloud = started(fields.UP)
    board.table_.put("a", {"n": 1})
    assert not board.table_.forget("a"), "the cloud does not have it"
    board.in_step()
    board.table_.put("b", {"n": 2})
    assert board.table_.forget("a") and not board.table_.forget("a") and not board.table_.forget("b")
    board.in_step()
    board = Board(board.flash, cloud, fields.UP)
    board.in_step()
    assert content(board.table_) == {"b": {"n": 2}} and len(cloud.documents()) == 2
    table = opened(Flash())
    table.put("a", {"n": 1})
    assert table.forget("a") is None and table.get("a") == {"n": 1}


def test_a_lost_answer_does_not_change_anything_twice():
    board, cloud = started()
    board.table_.put("a", {"n": 1})
    board.lose = 2
    assert "no answer from the cloud" in str(board.synchronise())
    board.table_.put("b", {"n": 1})
    board.synchronise()
    board.in_step()
    assert cloud.stored == [("a", {"n": 1}), ("b", {"n": 1})]
    assert cloud.documents() == content(board.table_)


def test_a_late_double_is_refused():
    board, cloud = started()
    board.table_.put("a", {"n": 1})
    board.in_step()
    first = cloud.requests[0]
    board.table_.put("a", {"n": 2})
    board.in_step()
    is_accepted, raw = cloud.answer(json.dumps(first).encode())
    assert not is_accepted and cloud.documents() == {"a": {"n": 2}}
    board.service._heard(board.service.topic + "/rejected", raw)
    board.table_.put("a", {"n": 3})
    board.in_step()
    assert cloud.documents() == {"a": {"n": 3}}


def test_numbers_go_on_after_a_start_and_are_seldom_written():
    board, cloud = started(fields.UP)
    for number in range(3):
        for turn in range(20):
            board.table_.put("a", {"n": number, "turn": turn})
            board.in_step()
        board = Board(board.flash, cloud, fields.UP)
    numbers = [asked[fields.NUMBER] for asked in cloud.requests]
    assert numbers == sorted(numbers) and len(set(numbers)) == len(numbers)
    assert numbers[20] == 65 and len({asked[fields.BOARD] for asked in cloud.requests}) == 1


def test_an_old_flash_that_comes_back_goes_on_after_what_the_cloud_knows():
    board, cloud = started()
    board.table_.put("a", {"n": 1})
    board.in_step()
    old = dict(board.flash.files)
    for turn in range(200):
        board.table_.put("b", {"n": turn})
        board.in_step()
    board.flash.files = old
    board = Board(board.flash, cloud, fields.BOTH)
    board.table_.put("c", {"n": 1})
    assert "refused: 409" in str(board.synchronise())
    board.in_step()
    assert cloud.documents()["c"] == {"n": 1}


def test_a_board_that_has_lost_everything_gets_its_documents_back():
    board, cloud = started()
    board.table_.put("a", {"n": 1})
    board.in_step()
    board.flash.files = {}
    board = Board(board.flash, cloud, fields.BOTH)
    board.in_step()
    assert content(board.table_) == {"a": {"n": 1}}


def test_another_cloud_gets_everything():
    board, cloud = started()
    board.table_.put("a", {"n": 1})
    cloud.change("b", {"n": 2})
    board.in_step()
    for endpoint in ("cloud.example", "other.example"):
        new = Cloud()
        new.change("c", {"n": 3})
        board = Board(board.flash, new, fields.BOTH)
        board.endpoint = endpoint
        board.in_step()
        assert new.documents() == {"a": {"n": 1}, "c": {"n": 3}}
        assert content(board.table_) == {"a": {"n": 1}, "b": {"n": 2}, "c": {"n": 3}}
        assert ("forgotten it" in "".join(board.said)) == (endpoint == "cloud.example")


def test_deletions_survive_the_cleaning_of_the_log():
    board, cloud = started()
    for number in range(20):
        board.table_.put(f"key {number}", {"n": number})
    board.in_step()
    for number in range(15):
        board.table_.delete(f"key {number}")
    board.table_.delete("key 15")
    board.table_.put("key 15", {"n": "again"})
    for turn in range(400):
        board.table_.put("hot", {"turn": turn, "text": "x" * 100})
        if turn % 50 == 0:
            board.table_.delete("hot")
    names = [name for name in board.flash.sizes(paths.TABLES) if name.endswith("0001")]
    assert not names and len(board.flash.sizes(paths.TABLES)) < 9, "it was cleaned"
    board = Board(board.flash, cloud, fields.BOTH)
    assert sorted(content(board.table_)) == ["hot"] + [f"key {number}" for number in range(15, 20)]
    board.in_step()
    assert cloud.documents() == content(board.table_) and board.table_.untold == 0


def test_too_many_deletions_are_counted_and_the_log_stays_small():
    board, cloud = started()
    for number in range(2500):
        board.table_.put(f"reading {number:05}", {"n": number})
        board.table_.delete(f"reading {number:05}")
    assert len(board.flash.sizes(paths.TABLES)) < 20
    assert board.table_.written < 3000000, "it is not cleaned more often than it is worth"
    assert board.table_.untold > 100
    board.in_step()
    assert any("is not told of" in text for text in board.said) and board.table_.untold == 0
    assert content(board.table_) == {}


def test_many_documents_go_in_messages_of_bounded_size():
    board, cloud = started()
    for number in range(500):
        board.table_.put(f"key {number:04}", document(Dice(number + 1)))
    board.in_step()
    assert cloud.documents() == content(board.table_) and len(cloud.documents()) == 500
    assert cloud.largest < fields.SYNC_BYTES + 200 and len(cloud.requests) > 20
    board.table_.put("big", {"text": "x" * 1000})
    board.table_.put("bigger", {"text": "y" * 1000})
    board.in_step()
    assert cloud.documents() == content(board.table_)


def test_a_log_that_is_shorter_than_what_was_sent_begins_anew():
    board, cloud = started()
    for number in range(100):
        board.table_.put(f"key {number}", {"n": number})
    board.in_step()
    for path in list(board.flash.files):
        if path.startswith(paths.TABLES):
            del board.flash.files[path]
    board = Board(board.flash, cloud, fields.BOTH)
    board.table_.put("new", {"n": 1})
    board.in_step()
    assert cloud.documents()["new"] == {"n": 1}


def test_a_batch_lets_others_run():
    board, cloud = started()
    for number in range(100):
        board.table_.put(f"key {number}", {"n": number})
    batch = Batch(board.table_)
    steps = 1
    while not batch.step():
        steps += 1
    assert steps > 3 and len(batch.changes) == 100 and batch.end == board.table_.end()


def _config(value):
    return json.dumps({fields.SERVICES: {fields.CLOUD: {fields.SYNC: value}}}).encode()


def test_directions_in_the_configuration():
    good = {"readings": "up", "set-1": "both", "x_y": "down"}
    assert board_config.tables(_config(good)) == good
    for nothing in (None, b"", b"{", b'{"services":{"cloud":false}}', _config(True), _config(False)):
        assert board_config.tables(nothing) == {}
    for wrong, why in (
        ({"readings": "sideways"}, 'the direction of readings must be "up", "down" or "both"'),
        ({"readings": None}, "the direction of readings"),
        ({"Readings": "up"}, "a table cannot be called 'Readings'"),
        ({"": "up"}, "a table cannot be called"),
        (["readings"], "must be true, false or {table: direction}"),
    ):
        assert why in str(raises(Failure, board_config.tables, _config(wrong))), wrong
    assert sync.sent(good, None) == {"readings": 0, "set-1": 0}
