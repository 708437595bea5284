"""AWS IoT policies: may this principal do this action on this resource?

Source: AWS IoT Developer Guide, "AWS IoT Core policies", "policy actions", "thing policy variables".
Region and account of an ARN are not compared: the twin is one account, and real documents name real ones.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from muster.registry import documents
from muster.registry.documents import Condition, PolicyError, Statement, parse

CONNECT = "iot:Connect"
PUBLISH = "iot:Publish"
SUBSCRIBE = "iot:Subscribe"
RECEIVE = "iot:Receive"
RETAIN_PUBLISH = "iot:RetainPublish"

_ARN_PREFIX = "arn:aws:iot:local-1:000000000000:"
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_ESCAPES = ("*", "?", "$")
_log = logging.getLogger("muster.twin")


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
    policies: Iterable[str],
    action: str,
    resource: str,
    variables: Mapping[str, str],
    attributes: Iterable[str] = (),
) -> bool:
    """True when a statement allows it and none denies it.

    `variables` holds what the connection resolves; a resource that names another variable does not match.
    `attributes` are the connect attributes asked for ("PersistentConnect", "LastWill"). A document that is
    not a policy allows nothing, and neither do the others beside it.
    """
    is_allowed = False
    asked = tuple(attributes)
    for document in policies:
        try:
            statements = parse(document)
        except PolicyError as error:
            _log.warning("a stored policy cannot be used, so everything is denied: %s", error)
            return False
        for statement in statements:
            if not _applies(statement, action, resource, variables, asked):
                continue
            if not statement.allows:
                return False
            is_allowed = True
    return is_allowed


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
    """Whether the condition holds; a negated one does for a variable without a value, as in IAM."""
    if condition.variable == "iot:ConnectAttributes":
        present = attributes
    else:
        value = variables.get(condition.variable)
        present = () if value is None else (value,)
    if condition.operator == documents.NULL:
        return ("false" if present else "true") in condition.values
    if condition.if_exists and not present:
        return True
    matches = (_compares(condition, value, variables) for value in present)
    if condition.quantifier == documents.FOR_ALL:
        return all(match != condition.is_negated for match in matches)
    if condition.quantifier == documents.FOR_ANY:
        return any(match != condition.is_negated for match in matches)
    return any(matches) != condition.is_negated


def _compares(condition: Condition, value: str, variables: Mapping[str, str]) -> bool:
    if condition.operator == documents.LIKE:
        return any(_like(wanted, value, variables) for wanted in condition.values)
    wanted_values = [_resolved(wanted, variables) for wanted in condition.values]
    if condition.operator == documents.EQUALS:
        return value in wanted_values
    return value.lower() in [wanted.lower() for wanted in wanted_values if wanted is not None]


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
