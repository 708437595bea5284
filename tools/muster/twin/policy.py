"""AWS IoT policies: may this principal do this action on this resource?

Source: AWS IoT Developer Guide, "AWS IoT Core policies", "policy actions", "thing policy variables".
Region and account of an ARN are not compared: the twin is one account, and real documents name real ones.
"""

import logging
from collections.abc import Iterable, Mapping
from functools import lru_cache

from muster.registry import documents
from muster.registry.documents import Condition, PolicyError, Statement, parse
from muster.twin.patterns import like, resolved

CONNECT = "iot:Connect"
PUBLISH = "iot:Publish"
SUBSCRIBE = "iot:Subscribe"
RECEIVE = "iot:Receive"
RETAIN_PUBLISH = "iot:RetainPublish"
ASSUME_ROLE = "iot:AssumeRoleWithCertificate"

_ARN_PREFIX = "arn:aws:iot:local-1:000000000000:"
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


def role_alias(name: str) -> str:
    """The resource of iot:AssumeRoleWithCertificate."""
    return "rolealias/" + name


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
            statements = _naming(document, action)
        except PolicyError as error:
            _log.warning("a stored policy cannot be used, so everything is denied: %s", error)
            return False
        for statement in statements:
            if not _applies(statement, resource, variables, asked):
                continue
            if not statement.allows:
                return False
            is_allowed = True
    return is_allowed


def _applies(
    statement: Statement,
    resource: str,
    variables: Mapping[str, str],
    attributes: tuple[str, ...],
) -> bool:
    for pattern in statement.resources:
        if _covers(pattern, resource, variables):
            return all(_holds(condition, variables, attributes) for condition in statement.conditions)
    return False


def _covers(pattern: str, resource: str, variables: Mapping[str, str]) -> bool:
    part = _resource_part(pattern)
    if part is None:
        return like(pattern, _ARN_PREFIX + resource, variables)
    return like(part, resource, variables)


@lru_cache(maxsize=8192)
def _resource_part(pattern: str) -> str | None:
    """What an ARN of AWS IoT says of the resource; None when the pattern is to be compared as a whole."""
    parts = pattern.split(":", 5)
    if len(parts) != 6 or "/" in ":".join(parts[:5]):
        return None
    return parts[5] if like(parts[0], "arn", {}) and like(parts[2], "iot", {}) else ""


@lru_cache(maxsize=4096)
def _naming(document: str, action: str) -> tuple[Statement, ...]:
    """The statements about the action; the same for every client. Raises PolicyError."""
    return tuple(
        statement
        for statement in parse(document)
        if any(like(pattern.lower(), action.lower(), {}) for pattern in statement.actions)  # as IAM does
    )


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
        return any(like(wanted, value, variables) for wanted in condition.values)
    wanted_values = [resolved(wanted, variables) for wanted in condition.values]
    if condition.operator == documents.EQUALS:
        return value in wanted_values
    return value.lower() in [wanted.lower() for wanted in wanted_values if wanted is not None]
