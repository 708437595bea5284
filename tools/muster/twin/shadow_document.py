"""Documents of device shadows: what a request asks for, how it is merged, what differs, how large it may be.

Source: AWS IoT Developer Guide, "Device Shadow service documents" and "Device Shadow error messages".
A section is merged as a JSON merge patch (RFC 7396): null removes a key, an array is replaced whole.
"""

import json
import math
from typing import Any, NamedTuple

from device.core import fields

MAX_DEPTH = 6  # AWS's error message says so; its table of limits has said 5 and 8
MAX_BYTES = 8192  # desired and reported together, without metadata
_MAX_TOKEN_BYTES = 64

SECTIONS = (fields.DESIRED, fields.REPORTED)
Node = dict[str, Any]


class ShadowError(Exception):
    """A request is refused; `code` and the message are those of the .../rejected document."""

    def __init__(self, code: int, message: str, token: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.token = token


class Request(NamedTuple):
    """What a get, update or delete asks for; `state` is None unless it is an update."""

    state: Node | None
    version: int | None
    token: str | None


def request(payload: bytes, is_update: bool) -> Request:
    """Read a request; raises ShadowError. That of get and delete may be empty."""
    if not payload and not is_update:
        return Request(None, None, None)
    document = _object(payload)
    token = _token(document)
    if not is_update:
        return Request(None, None, token)
    try:
        return Request(_state(document), _version(document), token)
    except ShadowError as error:
        error.token = token
        raise


def merged(section: Node | None, patch: Node | None) -> Node:
    """`section` after `patch`; neither is changed."""
    result = dict(section or {})
    for key, value in (patch or {}).items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            old = result.get(key)
            result[key] = merged(old if isinstance(old, dict) else None, value)
        else:
            result[key] = value
    return result


def merged_metadata(metadata: Node | None, patch: Node | None, now_s: int) -> Node:
    """The timestamps of a section after `patch`: every value that it sets is of now."""
    result = dict(metadata or {})
    for key, value in (patch or {}).items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            old = result.get(key)
            is_section = isinstance(old, dict) and not _is_stamp(old)
            result[key] = merged_metadata(old if is_section else None, value, now_s)
        else:
            result[key] = _stamps(value, now_s)
    return result


def delta(desired: Node, reported: Node) -> Node:
    """What of `desired` differs from `reported`, with the path to it; empty when nothing does."""
    result: Node = {}
    for key, value in desired.items():
        other = reported.get(key)
        if isinstance(value, dict) and isinstance(other, dict):
            inner = delta(value, other)
            if inner:
                result[key] = inner
        elif key not in reported or not same(value, other):
            result[key] = value
    return result


def picked(metadata: Node, state: Node) -> Node:
    """The timestamps of those values that are in `state`."""
    result: Node = {}
    for key, value in state.items():
        if value is not None and key in metadata:
            result[key] = picked(metadata[key], value) if isinstance(value, dict) else metadata[key]
    return result


def same(one: object, other: object) -> bool:
    """Whether two JSON values are equal; true is not 1, as Python says."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def check_size(state: Node) -> None:
    """Raises ShadowError for a shadow that is too large."""
    if len(json.dumps(state, separators=(",", ":"), ensure_ascii=False).encode()) > MAX_BYTES:
        raise ShadowError(413, "The payload exceeds the maximum size allowed")


def _object(payload: bytes) -> Node:
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise ShadowError(415, "Unsupported documented encoding; supported encoding is UTF-8") from error
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate is a string that nothing stores
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise ShadowError(400, "Invalid JSON") from error
    if not isinstance(document, dict):
        raise ShadowError(400, "Invalid JSON")
    return document


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _token(document: Node) -> str | None:
    token = document.get(fields.CLIENT_TOKEN)
    if token is not None and (not isinstance(token, str) or len(token.encode()) > _MAX_TOKEN_BYTES):
        raise ShadowError(400, "Invalid clientToken")
    return token


def _version(document: Node) -> int | None:
    version = document.get(fields.VERSION)
    if version is not None and (isinstance(version, bool) or not isinstance(version, int) or version < 0):
        raise ShadowError(400, "Invalid version")
    return version


def _state(document: Node) -> Node:
    if fields.STATE not in document:
        raise ShadowError(400, "Missing required node: state")
    state = document[fields.STATE]
    if not isinstance(state, dict):
        raise ShadowError(400, "State node must be an object")
    if set(state) - set(SECTIONS):
        raise ShadowError(400, "State contains an invalid node")
    for name, section in state.items():
        if section is not None and not isinstance(section, dict):
            raise ShadowError(400, f"{name.capitalize()} node must be an object")
        _check(section or {}, MAX_DEPTH)
    return state


def _check(value: object, levels: int) -> None:
    """Raises ShadowError for too deep nesting, null in an array, a number without end."""
    if isinstance(value, dict | list):
        if value and not levels:
            raise _too_deep()
        for item in value.values() if isinstance(value, dict) else value:
            if item is None and isinstance(value, list):
                raise ShadowError(400, "State contains an invalid node")
            _check(item, levels - 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ShadowError(400, "Invalid JSON")


def _too_deep() -> ShadowError:
    return ShadowError(400, f"JSON contains too many levels of nesting; maximum is {MAX_DEPTH}")


def _stamps(value: object, now_s: int) -> object:
    if isinstance(value, list):
        return [_stamps(item, now_s) for item in value]
    if isinstance(value, dict):
        return {key: _stamps(item, now_s) for key, item in value.items()}
    return {fields.TIMESTAMP: now_s}


def _is_stamp(metadata: Node) -> bool:
    return isinstance(metadata.get(fields.TIMESTAMP), int)
