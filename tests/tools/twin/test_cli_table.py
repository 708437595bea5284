"""`muster twin table`: what a person sees and changes of a board's tables, with the twin or without."""

import json
import time

import pytest

from device.core import topics
from muster.errors import WRONG_USE
from muster.registry import Registry
from muster.twin import tables
from tools.fleet.cli_runner import Tool

TABLE = ("twin", "table")


@pytest.fixture
def registry(tool: Tool) -> Registry:
    """Of a home with a board that has asked once."""
    tool.home.mkdir()
    registry = Registry(tool.home)
    changes = [["10:00", {"celsius": 21.5, "text": "x\x9b\u202e"}]]
    body = {"table": "readings", "board": "b1", "number": 1, "seen": 0, "changes": changes}
    asked = tables.request(json.dumps(body).encode())
    tables.serve(registry, topics.sync("cameraDevice", "cam1"), asked, int(time.time()))
    return registry


def test_list_get_put_delete(tool: Tool, registry: Registry) -> None:
    assert tool.good(*TABLE, "list", "cam1").output == "table\tdocuments\nreadings\t1\n"
    shown = tool.good(*TABLE, "get", "cam1", "readings").output
    assert "10:00" in shown and "21.5" in shown and "board" in shown
    assert not set("\x9b\u202e") & set(shown)
    said = tool.good(*TABLE, "put", "cam1", "settings", "fan", '{"on": true}').output
    assert said == "fan of settings of cam1 is change 1\n"
    one = tool.good(*TABLE, "get", "cam1", "settings", "fan", "-o", "json").response
    assert one["documents"] == [{"key": "fan", "document": {"on": True}, "number": 1, "by": "cloud"}]
    assert (
        tool.good(*TABLE, "delete", "cam1", "settings", "fan").output
        == "fan of settings of cam1 is deleted\n"
    )
    listed = tool.good(*TABLE, "list", "cam1", "-o", "json").response
    assert listed["tables"] == [{"table": "readings", "documents": 1}, {"table": "settings", "documents": 0}]
    topic = topics.sync_changed("cameraDevice", "cam1", "settings")
    assert registry.outbox.take() == [(topic, b"{}"), (topic, b"{}")], "a running twin publishes both"
    registry.close()


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("get", "cam1", "nothing"), 1, "cam1 has no table nothing here; it has readings"),
        (("get", "cam2", "readings"), 1, "cam2 has no table readings here"),
        (("get", "cam1", "readings", "11:00"), 1, "has no document '11:00'"),
        (("delete", "cam1", "readings", "11:00"), 1, "has no document '11:00'"),
        (("put", "cam1", "readings", "a", "{"), WRONG_USE, "the document is not JSON"),
        (("put", "cam1", "readings", "a", "[1]"), WRONG_USE, "must be a JSON object"),
        (("put", "cam1", "readings", "a", '{"a": NaN}'), 1, "the document cannot be stored"),
        (("put", "cam1", "Readings", "a", "{}"), 1, "a table cannot be called"),
        (("put", "cam1", "readings", "k" * 65, "{}"), 1, "cannot have the key"),
    ],
)
def test_mistakes_are_told(
    tool: Tool, registry: Registry, words: tuple[str, ...], code: int, why: str
) -> None:
    result = tool(*TABLE, *words)
    assert (result.code, why in result.error) == (code, True), result
    registry.close()
