"""JSON from flash and network: both interpreters, and every MicroPython, read the same or refuse alike."""

from check import raises
from device.core import documents

_WHOLE = (
    (b"{}", {}),
    (b' {"a": [1, {"b": null}]} ', {"a": [1, {"b": None}]}),
    (b'{"a": "}]"}', {"a": "}]"}),
    (b'{"a": "\\""}', {"a": '"'}),
    (b'{"a": "\\\\"}', {"a": "\\"}),
    (b'{"a\\\\\\"": "{"}', {'a\\"': "{"}),
    (b'""', ""),
    (b"[" * 16 + b"]" * 16, None),
    ('{"a": "Gr\xfc\xdfe \U0001f41d"}'.encode(), {"a": "Gr\xfc\xdfe \U0001f41d"}),
)

_REFUSED = (
    b"",
    b" ",
    b'{"a": 1',
    b'{"a": {"b": 1}',
    b'{"a": "x',
    b'{"a": "x\\"}',
    b'{"a": "x\\',
    b'{"a": ',
    b'{"a"',
    b"{",
    b"[1, 2",
    b'"',
    b"}",
    b"]",
    b"{}}",
    b"{} {}",
    b"\xff\xfe{}",
    b'{"a": "\xff"}',
    b"\xef\xbb\xbf{}",
    b"\0" * 40,
    b"not JSON",
    b"-",
    b"[" * 17 + b"]" * 17,
    b"[" * 8192,
    b"[" * 4096 + b"]" * 4096,
    b'{"a":' * 1600 + b"1" + b"}" * 1600,
)


def test_whole_documents_are_read():
    for raw, value in _WHOLE:
        found = documents.loads(raw)
        if value is not None:
            assert found == value, raw


def test_everything_else_is_a_value_error():
    for raw in _REFUSED:
        raises(ValueError, documents.loads, raw)


def test_every_beginning_of_a_document_is_refused():
    whole = b'{"device": {"SERIAL_ID": "a\\"b", "list": [1, [2], "}"]}, "other": {"x": "{["}}'
    documents.loads(whole)
    for size in range(len(whole)):
        raises(ValueError, documents.loads, whole[:size])
