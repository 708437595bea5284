"""What a fresh twin holds: the claim certificate's policy and the camera's provisioning template.

Source of the claim policy: AWS IoT Developer Guide, "Provisioning by claim".
"""

import json

from device.core import fields, topics
from muster.registry import Registry
from muster.twin import policy
from muster.twin.settings import ACCOUNT, DEFAULT_LOG_RULE, DEFAULT_ROLE_ALIAS, REGION, Settings

CLAIM_POLICY = "muster-claim"
THING_NAME = "${iot:Connection.Thing.ThingName}"
_ARN = f"arn:aws:iot:{REGION}:{ACCOUNT}:"


def _statement(actions: str | list[str], resources: list[str]) -> dict[str, object]:
    return {"Effect": "Allow", "Action": actions, "Resource": [_ARN + resource for resource in resources]}


def _document(*statements: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _provisioning(template: str) -> list[str]:
    """The topics of the three operations through `template`, requests and answers."""
    return [
        request + "*" for request in (topics.CREATE_KEYS, topics.CREATE_FROM_CSR, topics.register(template))
    ]


def claim_policy(template: str) -> str:
    """May provision through `template`, and nothing else."""
    names = _provisioning(template)
    return _document(
        _statement(policy.CONNECT, [policy.client("*")]),
        _statement([policy.PUBLISH, policy.RECEIVE], [policy.topic(name) for name in names]),
        _statement(policy.SUBSCRIBE, [policy.topic_filter(name) for name in names]),
    )


def device_policy(topic_prefix: str, renewal: str, role_alias: str = DEFAULT_ROLE_ALIAS) -> str:
    """May be itself: connect under its name, use its own topics, shadows and jobs, renew its certificate.

    `renewal` is the template for that; the rule of `muster.enrolment.admission` guards it.
    `role_alias` is that of its keys for AWS.
    """
    own = [f"{topic_prefix}/{THING_NAME}/*", f"{topics.THINGS}{THING_NAME}/*", *_provisioning(renewal)]
    own.append(topics.by_rule(DEFAULT_LOG_RULE, topics.log(topic_prefix, THING_NAME)))
    return _document(
        _statement(policy.CONNECT, [policy.client(THING_NAME)]),
        _statement(
            [policy.PUBLISH, policy.RECEIVE, policy.RETAIN_PUBLISH], [policy.topic(name) for name in own]
        ),
        _statement(policy.SUBSCRIBE, [policy.topic_filter(name) for name in own]),
        _statement(policy.ASSUME_ROLE, [policy.role_alias(role_alias)]),
    )


_SERIAL = {"Ref": fields.PARAMETER_SERIAL}


def _template(thing: dict[str, object], policy_document: str) -> dict[str, object]:
    """The body of a template that makes `thing`, activates the certificate and gives it the policy."""
    return {
        "Parameters": {
            fields.PARAMETER_SERIAL: {"Type": "String"},
            "AWS::IoT::Certificate::Id": {"Type": "String"},
        },
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", **thing},
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"},
            },
            "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": policy_document}},
        },
    }


def camera_template(topic_prefix: str, renewal: str, role_alias: str = DEFAULT_ROLE_ALIAS) -> str:
    """The body of the default template: the thing is named by its serial."""
    properties = {"ThingName": _SERIAL, "AttributePayload": {fields.PARAMETER_SERIAL: _SERIAL}}
    thing = {"Properties": properties, "OverrideSettings": {"AttributePayload": "MERGE"}}
    configuration = {"reportIntervalS": "60", "site": {"Fn::Join": ["-", ["site", _SERIAL]]}}
    body = _template(thing, device_policy(topic_prefix, renewal, role_alias))
    return json.dumps({**body, "DeviceConfiguration": configuration})


def renewal_template(topic_prefix: str, renewal: str, role_alias: str = DEFAULT_ROLE_ALIAS) -> str:
    """The body of the template by which a device renews itself: the thing stays as it is."""
    thing: dict[str, object] = {"Properties": {"ThingName": _SERIAL}}
    return json.dumps(_template(thing, device_policy(topic_prefix, renewal, role_alias)))


def fill(registry: Registry, settings: Settings) -> None:
    """Put the defaults into a registry that lacks them; what people changed stays."""
    with registry.transaction():
        if registry.policies.get(CLAIM_POLICY) is None:
            registry.policies.put(CLAIM_POLICY, claim_policy(settings.template))
        names = settings.topic_prefix, settings.renewal_template, settings.role_alias
        if registry.templates.get(settings.template) is None:
            registry.templates.put(settings.template, camera_template(*names))
        if registry.templates.get(settings.renewal_template) is None:
            registry.templates.put(settings.renewal_template, renewal_template(*names))
