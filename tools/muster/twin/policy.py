"""AWS IoT policies: may this principal do this action on this resource?

Source: AWS IoT Developer Guide, "AWS IoT Core policies", "policy actions", "thing policy variables".
Region and account of an ARN are not compared: the twin is one account, and real documents name real ones.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

CONNECT = "iot:Connect"
PUBLISH = "iot:Publish"
SUBSCRIBE = "iot:Subscribe"
RECEIVE = "iot:Receive"
RETAIN_PUBLISH = "iot:RetainPublish"

_ARN_PREFIX = "arn:aws:iot:local-1:000000000000:"
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_ESCAPES = ("*", "?", "$")
_OPERATORS = ("Bool", "StringEquals", "StringNotEquals", "StringLike")


class PolicyError(ValueError):
    """A document that is no policy; the text says what is wrong."""


class Condition(NamedTuple):
    """One line of a Condition block."""

    operator: str
    quantifier: str
    variable: str
    values: tuple[str, ...]


class Statement(NamedTuple):
    """One statement, its lists made plain."""

    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...]


def client(client_id: str) -> str:
    """The resource of iot:Connect."""
    return "client/" + client_id


def topic(name: str) -> str:
    """The resource of iot:Publish, iot:Receive and iot:RetainPublish."""
    return "topic/" + name


def topic_filter(name: str) -> str:
    """The resource of iot:Subscribe; + and # in it stand for themselves."""
    return "topicfilter/" + name


def allows(
    documents: Iterable[str],
    action: str,
    resource: str,
    variables: Mapping[str, str],
    attributes: Iterable[str] = (),
) -> bool:
    """True when a statement allows it and none denies it.

    `variables` holds what the connection resolves; a statement naming another variable does not apply.
    `attributes` are the connect attributes asked for ("PersistentConnect", "LastWill").
    """
    is_allowed = False
    for document in documents:
        for statement in parse(document):
            if not _applies(statement, action, resource, variables, tuple(attributes)):
                continue
            if not statement.allows:
                return False
            is_allowed = True
    return is_allowed


@lru_cache(maxsize=1024)
def parse(document: str) -> tuple[Statement, ...]:
    """The statements of a policy document; raises PolicyError."""
    try:
        statements = json.loads(document)["Statement"]
    except (ValueError, KeyError, TypeError) as error:
        raise PolicyError("policy document is not JSON with a Statement") from error
    if isinstance(statements, dict):
        statements = [statements]
    return tuple(_statement(statement) for statement in statements)


def _statement(source: dict) -> Statement:
    effect = source.get("Effect") if isinstance(source, dict) else None
    if effect not in ("Allow", "Deny"):
        raise PolicyError("a statement's Effect must be Allow or Deny")
    unknown = set(source) - {"Sid", "Effect", "Action", "Resource", "Condition"}
    if unknown:
        raise PolicyError(f"statement has unsupported elements: {', '.join(sorted(unknown))}")
    actions, resources = _strings(source.get("Action")), _strings(source.get("Resource"))
    if not actions or not resources:
        raise PolicyError("a statement needs Action and Resource")
    return Statement(effect == "Allow", actions, resources, _conditions(source.get("Condition", {})))


def _strings(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in values):
        raise PolicyError("Action, Resource and condition values must be strings or lists of strings")
    return tuple(values)


def _conditions(source: dict) -> tuple[Condition, ...]:
    conditions = []
    for name, block in source.items():
        quantifier, _, operator = name.rpartition(":")
        if operator not in _OPERATORS or quantifier not in ("", "ForAllValues", "ForAnyValue"):
            raise PolicyError(f"unsupported condition operator {name}")
        for variable, values in block.items():
            conditions.append(Condition(operator, quantifier, variable, _strings(values)))
    return tuple(conditions)


def _applies(
    statement: Statement,
    action: str,
    resource: str,
    variables: Mapping[str, str],
    attributes: tuple[str, ...],
) -> bool:
    return (
        any(_like(pattern, action, {}) for pattern in statement.actions)
        and any(_covers(pattern, resource, variables) for pattern in statement.resources)
        and all(_holds(condition, variables, attributes) for condition in statement.conditions)
    )


def _covers(pattern: str, resource: str, variables: Mapping[str, str]) -> bool:
    parts = pattern.split(":", 5)
    if len(parts) == 6 and "/" not in ":".join(parts[:5]):
        is_iot = _like(parts[0], "arn", {}) and _like(parts[2], "iot", {})
        return is_iot and _like(parts[5], resource, variables)
    return _like(pattern, _ARN_PREFIX + resource, variables)


def _holds(condition: Condition, variables: Mapping[str, str], attributes: tuple[str, ...]) -> bool:
    if condition.variable == "iot:ConnectAttributes":
        present = attributes
    else:
        value = variables.get(condition.variable)
        present = () if value is None else (value,)
    if condition.quantifier == "ForAllValues":
        return all(_compares(condition, value, variables) for value in present)
    return any(_compares(condition, value, variables) for value in present)


def _compares(condition: Condition, value: str, variables: Mapping[str, str]) -> bool:
    if condition.operator == "StringLike":
        return any(_like(wanted, value, variables) for wanted in condition.values)
    wanted_values = [_resolved(wanted, variables) for wanted in condition.values]
    if condition.operator == "StringNotEquals":
        return value not in wanted_values
    if condition.operator == "Bool":
        return value.lower() in [wanted.lower() for wanted in wanted_values if wanted is not None]
    return value in wanted_values


def _resolved(text: str, variables: Mapping[str, str]) -> str | None:
    """`text` with its variables replaced, or None when one of them has no value here."""
    names = [name for name in _VARIABLE.findall(text) if name not in _ESCAPES]
    if any(name not in variables for name in names):
        return None
    return _VARIABLE.sub(lambda match: variables.get(match[1], match[1]), text)


def _like(pattern: str, value: str, variables: Mapping[str, str]) -> bool:
    """Match with * (any characters, "/" too) and ? (one); a variable's value is taken literally."""
    names = [name for name in _VARIABLE.findall(pattern) if name not in _ESCAPES]
    if any(name not in variables for name in names):
        return False
    return _expression(pattern, tuple(variables[name] for name in names)).fullmatch(value) is not None


@lru_cache(maxsize=8192)
def _expression(pattern: str, values: tuple[str, ...]) -> re.Pattern[str]:
    remaining = iter(values)
    source, position = "", 0
    for match in _VARIABLE.finditer(pattern):
        source += _wildcards(pattern[position : match.start()])
        source += re.escape(match[1] if match[1] in _ESCAPES else next(remaining))
        position = match.end()
    return re.compile(source + _wildcards(pattern[position:]), re.DOTALL)


def _wildcards(text: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(character) or re.escape(character) for character in text)
