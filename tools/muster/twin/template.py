"""Provisioning templates: from a template body and parameters to the resources that it asks for.

Source: AWS IoT Developer Guide, "Provisioning templates".
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from muster.registry.certificates import ACTIVE, INACTIVE
from muster.registry.documents import PolicyError, parse
from muster.twin.settings import ACCOUNT, REGION

BODY_CHARACTERS = 10_240
CERTIFICATE_REFERENCE = "AWS::IoT::Certificate::Id"
_SUBSTITUTION = re.compile(r"\$\{([^}]*)\}")
_STATUSES = {"ACTIVE": ACTIVE, "INACTIVE": INACTIVE}
_TYPES = ("AWS::IoT::Thing", "AWS::IoT::Certificate", "AWS::IoT::Policy")
_OVERRIDES = ("DO_NOTHING", "REPLACE", "FAIL", "MERGE")


class TemplateError(ValueError):
    """A body or its parameters cannot be used; the text says why."""


@dataclass(frozen=True)
class ThingPlan:
    """The thing that a template wants; `overrides` says what to do with one that exists."""

    name: str
    type: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    overrides: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What one RegisterThing is to do. Policies: a name of an existing one, or a document."""

    thing: ThingPlan | None
    certificate_status: str
    is_exclusive: bool
    policy_names: list[str]
    policy_documents: list[str]
    configuration: dict[str, str] | None


@lru_cache(maxsize=64)
def check(body: str) -> Mapping[str, Any]:
    """The template as a document, which nobody may change; raises TemplateError when it is not one."""
    if len(body) > BODY_CHARACTERS:
        raise TemplateError(f"template body is longer than {BODY_CHARACTERS} characters")
    try:
        template = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise TemplateError("template body is not JSON") from error
    resources = template.get("Resources") if isinstance(template, dict) else None
    if not isinstance(resources, dict) or not resources:
        raise TemplateError("template has no Resources")
    for name, resource in resources.items():
        if not isinstance(resource, dict) or resource.get("Type") not in _TYPES:
            raise TemplateError(f"resource {name} is not of a type that a template may make")
    return template


def plan(body: str, given: Mapping[str, str], certificate_id: str) -> Plan:
    """Evaluate a template for one certificate. Raises TemplateError: a parameter is missing, and so on."""
    template = check(body)
    try:
        return _evaluated(template, given, certificate_id)
    except TemplateError:
        raise
    except (AttributeError, TypeError, ValueError, LookupError, RecursionError) as error:
        raise TemplateError(f"template cannot be evaluated ({type(error).__name__}: {error})") from error


def _evaluated(template: Mapping[str, Any], given: Mapping[str, str], certificate_id: str) -> Plan:
    scope = _Scope(_parameters(template, given), template.get("Mappings", {}), certificate_id)
    things: list[ThingPlan] = []
    certificates: list[dict[str, Any]] = []
    names: list[str] = []
    documents: list[str] = []
    for resource in template["Resources"].values():
        properties = scope.value(resource.get("Properties", {}))
        if resource["Type"] == _TYPES[0]:
            things.append(_thing(properties, resource.get("OverrideSettings", {})))
        elif resource["Type"] == _TYPES[1]:
            certificates.append(properties)
        else:
            _policy(properties, names, documents)
    if len(certificates) != 1 or certificates[0].get("CertificateId") != certificate_id:
        raise TemplateError(
            f"template needs one certificate whose CertificateId is Ref {CERTIFICATE_REFERENCE}"
        )
    if len(things) > 1:
        raise TemplateError("template has more than one thing")
    status = _STATUSES.get(str(certificates[0].get("Status", "ACTIVE")).upper())
    if status is None:
        raise TemplateError("certificate Status must be Active or Inactive")
    is_exclusive = certificates[0].get("ThingPrincipalType") == "EXCLUSIVE_THING"
    configuration = _configuration(scope.value(template.get("DeviceConfiguration")))
    return Plan(things[0] if things else None, status, is_exclusive, names, documents, configuration)


def _parameters(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    values = dict(given)
    for name, declaration in template.get("Parameters", {}).items():
        if name not in values and not name.startswith("AWS::"):  # those are filled in by the service
            if "Default" not in declaration:
                raise TemplateError(f"parameter {name} is missing and has no default")
            values[name] = str(declaration["Default"])
    return values


def _thing(properties: dict[str, Any], overrides: dict[str, str]) -> ThingPlan:
    name = properties.get("ThingName")
    if not isinstance(name, str) or not re.fullmatch(r"[a-zA-Z0-9:_-]{1,128}", name):
        raise TemplateError("ThingName must be 1 to 128 of letters, digits, ':', '_' and '-'")
    if not all(value in _OVERRIDES for value in overrides.values()):
        raise TemplateError(f"OverrideSettings must be one of {', '.join(_OVERRIDES)}")
    attributes = {str(key): str(value) for key, value in properties.get("AttributePayload", {}).items()}
    return ThingPlan(
        name, properties.get("ThingTypeName"), attributes, list(properties.get("ThingGroups", [])), overrides
    )


def _policy(properties: dict[str, Any], names: list[str], documents: list[str]) -> None:
    name, document = properties.get("PolicyName"), properties.get("PolicyDocument")
    if (name is None) == (document is None):
        raise TemplateError("a policy needs either PolicyName or PolicyDocument")
    if document is None:
        names.append(str(name))
        return
    text = document if isinstance(document, str) else json.dumps(document)
    try:
        parse(text)
    except PolicyError as error:
        raise TemplateError(str(error)) from error
    documents.append(text)


def _configuration(value: object) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or any(isinstance(item, dict | list) for item in value.values()):
        raise TemplateError("DeviceConfiguration must be flat")
    return {str(key): item if isinstance(item, str) else json.dumps(item) for key, item in value.items()}


class _Scope:
    """What Ref and the functions see."""

    def __init__(self, parameters: dict[str, str], mappings: dict[str, Any], certificate_id: str) -> None:
        self._mappings = mappings
        self._names = {
            **parameters,
            CERTIFICATE_REFERENCE: certificate_id,
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
        }
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::Sub": self._sub,
            "Fn::FindInMap": self._find_in_map,
        }

    def value(self, node: Any) -> Any:
        """`node` with every function in it evaluated."""
        if isinstance(node, list):
            return [self.value(item) for item in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            name, argument = next(iter(node.items()))
            if name in self._functions:
                return self._call(name, argument)
            if name.startswith("Fn::"):
                raise TemplateError(f"unknown function {name}")
        return {key: self.value(item) for key, item in node.items()}

    def _call(self, name: str, argument: Any) -> Any:
        try:
            return self._functions[name](self.value(argument))
        except (TypeError, ValueError, KeyError, IndexError) as error:
            if isinstance(error, TemplateError):
                raise
            raise TemplateError(f"{name} cannot be evaluated") from error

    def _ref(self, name: str) -> str:
        if name not in self._names:
            raise TemplateError(f"Ref to {name}, which is not a parameter")
        return self._names[name]

    def _join(self, argument: list) -> str:
        separator, values = argument
        return separator.join(values)

    def _select(self, argument: list) -> Any:
        index, values = argument
        return values[int(index)]

    def _split(self, argument: list) -> list[str]:
        separator, text = argument
        return text.split(separator)

    def _find_in_map(self, argument: list) -> Any:
        name, first, second = argument
        return self._mappings[name][first][second]

    def _sub(self, argument: str | list) -> str:
        text, local = (argument, {}) if isinstance(argument, str) else argument
        names = {**self._names, **local}
        return _SUBSTITUTION.sub(lambda match: _substitute(match, names), text)


def _substitute(match: re.Match[str], names: dict[str, str]) -> str:
    name = match[1]
    if name.startswith("!"):
        return "${" + name[1:] + "}"
    if name.startswith(("iot:", "aws:")):  # a policy variable: resolved at each action, not now
        return match[0]
    if name not in names:
        raise TemplateError(f"Fn::Sub names {name}, which is not a parameter")
    return str(names[name])
