"""The shadow service, without MQTT: a request comes in, and what is to be published because of it comes out.

Source: AWS IoT Developer Guide, "Device Shadow MQTT topics", "Interacting with shadows".
"""

import json
from typing import Any, NamedTuple

from device.core import fields, shadow_topics, topics
from muster.registry import Registry
from muster.registry.shadows import Shadow
from muster.twin import filters
from muster.twin import shadow_document as documents
from muster.twin.shadow_document import Node, Request, ShadowError

__all__ = ["Outcome", "ShadowError", "full", "refused", "serve"]


class Message(NamedTuple):
    """What is to be published."""

    topic: str
    body: dict[str, Any]

    @property
    def payload(self) -> bytes:
        return json.dumps(self.body, separators=(",", ":"), ensure_ascii=False).encode()


class Outcome(NamedTuple):
    """The answer to a request, and what subscribers hear besides."""

    answer: Message
    news: list[Message]


def serve(registry: Registry, topic: str, payload: bytes, now_s: int) -> Outcome:
    """Carry out the request of a shadow topic; raises ShadowError, RegistryError."""
    found = filters.shadow_of(topic)
    assert found is not None
    thing, name, kind = found
    request = documents.request(payload, kind == shadow_topics.UPDATE)
    try:
        with registry.transaction():
            return _Shadow(registry, thing, name, now_s).serve(kind, request)
    except ShadowError as error:
        error.token = request.token
        raise


def refused(topic: str, error: ShadowError, now_s: int) -> Message:
    """The answer to a request that is refused."""
    body = {fields.CODE: error.code, fields.MESSAGE: str(error), fields.TIMESTAMP: now_s}
    return Message(topics.rejected(topic), _with_token(body, error.token))


def full(shadow: Shadow, now_s: int) -> dict[str, Any]:
    """The document that `get` answers."""
    state, metadata = _sections(shadow.state), _sections(shadow.metadata)
    delta = _delta(shadow)
    if delta:
        state[fields.DELTA] = delta
    return {
        fields.STATE: state,
        fields.METADATA: metadata,
        fields.VERSION: shadow.version,
        fields.TIMESTAMP: now_s,
    }


class _Shadow:
    """One shadow while a request is carried out; inside a transaction."""

    def __init__(self, registry: Registry, thing: str, name: str | None, now_s: int) -> None:
        self._registry = registry
        self._thing = thing
        self._name = name
        self._now_s = now_s
        self._prefix = shadow_topics.of(thing, name)
        if registry.things.get(thing) is None:
            raise ShadowError(404, "Thing not found")
        self._stored = registry.shadows.get(thing, name or "")

    def serve(self, kind: str, request: Request) -> Outcome:
        if kind == shadow_topics.UPDATE:
            return self._update(request)
        shadow = self._existing()
        if kind == shadow_topics.GET:
            return self._answered(kind, full(shadow, self._now_s), request, [])
        self._put(Shadow(None, None, shadow.version, self._now_s))
        body = {fields.VERSION: shadow.version, fields.TIMESTAMP: self._now_s}
        return self._answered(kind, body, request, [])

    def _existing(self) -> Shadow:
        if self._stored is None or self._stored.state is None:
            raise ShadowError(404, f"No shadow exists with name: '{self._name or self._thing}'")
        return self._stored

    def _update(self, request: Request) -> Outcome:
        asked = request.state or {}
        old = self._stored or Shadow(None, None, 0, self._now_s)
        if request.version is not None and request.version != old.version:
            raise ShadowError(409, "Version conflict")
        state, metadata = dict(old.state or {}), dict(old.metadata or {})
        for name, patch in asked.items():
            before = state.get(name), metadata.get(name)
            state[name] = {} if patch is None else documents.merged(before[0], patch)
            metadata[name] = {} if patch is None else documents.merged_metadata(before[1], patch, self._now_s)
        state, metadata = _sections(state), _sections(metadata)
        documents.check_size(state)
        new = Shadow(state, metadata, old.version + 1, self._now_s)
        self._put(new)
        body = {
            fields.STATE: asked,
            fields.METADATA: documents.picked(metadata, asked),
            fields.VERSION: new.version,
            fields.TIMESTAMP: self._now_s,
        }
        return self._answered(shadow_topics.UPDATE, body, request, self._news(old, new, request))

    def _news(self, old: Shadow, new: Shadow, request: Request) -> list[Message]:
        """What else is published after an update: all that differs, and the shadow before and after."""
        news = []
        delta = _delta(new)
        if delta:
            body = {
                fields.VERSION: new.version,
                fields.TIMESTAMP: self._now_s,
                fields.STATE: delta,
                fields.METADATA: documents.picked((new.metadata or {}).get(fields.DESIRED, {}), delta),
            }
            news.append(self._message(shadow_topics.DELTA, body, request))
        both: dict[str, Any] = {fields.CURRENT: _half(new), fields.TIMESTAMP: self._now_s}
        if old.state is not None:
            both[fields.PREVIOUS] = _half(old)
        news.append(self._message(shadow_topics.DOCUMENTS, both, request))
        return news

    def _put(self, shadow: Shadow) -> None:
        self._registry.shadows.put(self._thing, self._name or "", shadow)

    def _answered(self, kind: str, body: Node, request: Request, news: list[Message]) -> Outcome:
        return Outcome(self._message(topics.accepted(kind), body, request), news)

    def _message(self, end: str, body: Node, request: Request) -> Message:
        return Message(self._prefix + end, _with_token(body, request.token))


def _with_token(body: dict[str, Any], token: str | None) -> dict[str, Any]:
    return body if token is None else {**body, fields.CLIENT_TOKEN: token}


def _sections(parts: Node | None) -> Node:
    """The sections that hold something."""
    return {name: part for name, part in (parts or {}).items() if part}


def _delta(shadow: Shadow) -> Node:
    state = shadow.state or {}
    return documents.delta(state.get(fields.DESIRED, {}), state.get(fields.REPORTED, {}))


def _half(shadow: Shadow) -> dict[str, Any]:
    return {
        fields.STATE: shadow.state,
        fields.METADATA: shadow.metadata,
        fields.VERSION: shadow.version,
    }
