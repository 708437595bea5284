"""Policy documents as they are stored: JSON text of a known form, parsed once.

Source: AWS IoT Developer Guide, "AWS IoT Core policies"; IAM User Guide, "IAM JSON policy elements: Condition
operators". What a twin decides by them is `muster.twin.policy`.
"""

import json
from functools import lru_cache
from typing import NamedTuple

from muster.errors import MusterError

BOOL = "Bool"
EQUALS = "StringEquals"
EQUALS_IGNORE_CASE = "StringEqualsIgnoreCase"
LIKE = "StringLike"
NULL = "Null"
FOR_ALL = "ForAllValues"
FOR_ANY = "ForAnyValue"

# The negated operators -> what they negate.
_NEGATED = {
    "StringNotEquals": EQUALS,
    "StringNotEqualsIgnoreCase": EQUALS_IGNORE_CASE,
    "StringNotLike": LIKE,
}
_OPERATORS = (BOOL, EQUALS, EQUALS_IGNORE_CASE, LIKE)
_IF_EXISTS = "IfExists"


class PolicyError(MusterError):
    """A document that is not a policy; the text says what is wrong."""


class Condition(NamedTuple):
    """One line of a Condition block: `operator` on `variable`, negated or not, for any of `values`.

    `quantifier` is FOR_ALL, FOR_ANY or empty; `if_exists`: holds when the variable has no value.
    """

    operator: str
    is_negated: bool
    if_exists: bool
    quantifier: str
    variable: str
    values: tuple[str, ...]


class Statement(NamedTuple):
    """One statement, its lists made plain."""

    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...]


@lru_cache(maxsize=1024)
def parse(document: str) -> tuple[Statement, ...]:
    """The statements of a policy document; raises PolicyError."""
    try:
        statements = json.loads(document)["Statement"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PolicyError("policy document is not JSON with a Statement") from error
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list):
        raise PolicyError("Statement must be a statement or a list of statements")
    return tuple(_statement(statement) for statement in statements)


def _statement(source: object) -> Statement:
    effect = source.get("Effect") if isinstance(source, dict) else None
    if not isinstance(source, dict) or effect not in ("Allow", "Deny"):
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


def _conditions(source: object) -> tuple[Condition, ...]:
    if not isinstance(source, dict) or not all(isinstance(block, dict) for block in source.values()):
        raise PolicyError("Condition must map operators to variables and their values")
    return tuple(
        _condition(name, variable, _strings(values))
        for name, block in source.items()
        for variable, values in block.items()
    )


def _condition(name: str, variable: str, values: tuple[str, ...]) -> Condition:
    quantifier, _, operator = name.rpartition(":")
    if operator == NULL and not quantifier:
        if not all(value in ("true", "false") for value in values):
            raise PolicyError("the value of Null must be true or false")
        return Condition(NULL, False, False, "", variable, values)
    if_exists = operator.endswith(_IF_EXISTS)
    operator = operator.removesuffix(_IF_EXISTS)
    is_negated = operator in _NEGATED
    operator = _NEGATED.get(operator, operator)
    if operator not in _OPERATORS or quantifier not in ("", FOR_ALL, FOR_ANY):
        raise PolicyError(f"unsupported condition operator {name}")
    return Condition(operator, is_negated, if_exists, quantifier, variable, values)
