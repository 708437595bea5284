"""The policy engine, by tables: AWS IoT Developer Guide, "AWS IoT Core policies"."""

import json

import pytest

from muster.twin import policy

NAME = "${iot:Connection.Thing.ThingName}"
VARIABLES = {
    "iot:ClientId": "cam1",
    "iot:Connection.Thing.ThingName": "cam1",
    "iot:Connection.Thing.IsAttached": "true",
}
UNATTACHED = {"iot:ClientId": "cam1", "iot:Connection.Thing.IsAttached": "false"}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource, **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource, **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def arn(resource):
    return "arn:aws:iot:eu-west-1:123456789012:" + resource


@pytest.mark.parametrize(
    ("pattern", "resource", "allowed"),
    [
        ("*", "topic/a", True),
        (arn("topic/a"), "topic/a", True),
        (arn("topic/a"), "topic/a/b", False),
        (arn("topic/a/*"), "topic/a/b/c", True),
        (arn("topic/a/*"), "topic/a", False),
        (arn("topic/a*"), "topic/a", True),
        (arn("topic/?"), "topic/a", True),
        (arn("topic/?"), "topic/ab", False),
        (arn("topic/a.b"), "topic/axb", False),
        (arn("topic/*"), "topicfilter/a", False),
        (arn("topicfilter/a/#"), "topicfilter/a/#", True),
        (arn("topicfilter/a/#"), "topicfilter/a/b", False),
        (arn("topicfilter/a/+"), "topicfilter/a/b", False),
        ("arn:aws:iot:*:topic/a", "topic/a", True),
        ("arn:aws:iot:*:topic/${iot:ClientId}", "topic/cam1", True),
        ("arn:aws:iot:*", "topic/a", True),
        ("arn:aws:s3:eu-west-1:123456789012:topic/a", "topic/a", False),
        (arn("topic/$aws/certificates/create/*"), "topic/$aws/certificates/create/json", True),
        (arn("topic/$aws/certificates/create/*"), "topic/$aws/certificates/create-from-csr/json", False),
        (arn("topic/" + NAME + "/x"), "topic/cam1/x", True),
        (arn("topic/" + NAME + "/x"), "topic/cam2/x", False),
        (arn("client/${iot:ClientId}"), "client/cam1", True),
        (arn("topic/a${*}b"), "topic/a*b", True),
        (arn("topic/a${*}b"), "topic/axb", False),
        (arn("topic/a${?}"), "topic/ab", False),
        (arn("topic/${$}aws"), "topic/$aws", True),
    ],
)
def test_resources(pattern, resource, allowed):
    assert policy.allows([document(allow("*", pattern))], "iot:Publish", resource, VARIABLES) is allowed


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        ("iot:Publish", True),
        (["iot:Connect", "iot:Publish"], True),
        ("iot:*", True),
        ("*", True),
        ("iot:Pub*", True),
        ("IOT:publish", True),
        ("iot:Subscribe", False),
        ("s3:*", False),
    ],
)
def test_actions(action, allowed):
    assert policy.allows([document(allow(action, "*"))], "iot:Publish", "topic/a", {}) is allowed


def test_nothing_is_allowed_unless_said():
    assert not policy.allows([], "iot:Publish", "topic/a", {})
    assert not policy.allows([document()], "iot:Publish", "topic/a", {})


def test_deny_wins_in_whatever_order_and_document():
    yes, no = document(allow("*", "*")), document(deny("iot:Publish", arn("topic/secret/*")))
    for documents in ([yes, no], [no, yes]):
        assert not policy.allows(documents, "iot:Publish", "topic/secret/a", {})
        assert policy.allows(documents, "iot:Publish", "topic/open", {})


def test_a_statement_with_an_unresolved_variable_does_not_apply():
    assert not policy.allows(
        [document(allow("*", arn(f"client/{NAME}")))], "iot:Connect", "client/cam1", UNATTACHED
    )
    documents = [document(allow("*", "*"), deny("*", arn(f"client/{NAME}")))]
    assert policy.allows(documents, "iot:Connect", "client/cam1", UNATTACHED)


def test_a_variables_value_is_no_pattern():
    documents = [document(allow("*", arn("topic/${iot:ClientId}")))]
    assert not policy.allows(documents, "iot:Publish", "topic/anything", {"iot:ClientId": "*"})
    assert policy.allows(documents, "iot:Publish", "topic/*", {"iot:ClientId": "*"})
    assert not policy.allows(documents, "iot:Publish", "topic/cam1", {"iot:ClientId": "${iot:ClientId}"})


@pytest.mark.parametrize(
    ("condition", "attributes", "allowed"),
    [
        ({"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}}, (), True),
        ({"Bool": {"iot:Connection.Thing.IsAttached": "false"}}, (), False),
        ({"StringEquals": {"iot:ClientId": "cam1"}}, (), True),
        ({"StringEquals": {"iot:ClientId": ["x", NAME]}}, (), True),
        ({"StringEquals": {"iot:ClientId": "cam*"}}, (), False),
        ({"StringLike": {"iot:ClientId": "cam*"}}, (), True),
        ({"StringNotEquals": {"iot:ClientId": "cam1"}}, (), False),
        ({"StringEquals": {"iot:Unknown": "x"}}, (), False),
        ({"StringLike": {"iot:Unknown": "*"}}, (), False),
        ({"StringNotEquals": {"iot:Unknown": "x"}}, (), True),
        ({"StringNotLike": {"iot:Unknown": "x"}}, (), True),
        ({"StringNotLike": {"iot:ClientId": "cam*"}}, (), False),
        ({"StringNotLike": {"iot:ClientId": "x*"}}, (), True),
        ({"StringNotEquals": {"iot:ClientId": ["x", "cam1"]}}, (), False),
        ({"StringEqualsIgnoreCase": {"iot:ClientId": "CAM1"}}, (), True),
        ({"StringEquals": {"iot:ClientId": "CAM1"}}, (), False),
        ({"StringNotEqualsIgnoreCase": {"iot:ClientId": "CAM1"}}, (), False),
        ({"StringEqualsIfExists": {"iot:Unknown": "x"}}, (), True),
        ({"StringEqualsIfExists": {"iot:ClientId": "x"}}, (), False),
        ({"BoolIfExists": {"iot:Unknown": "true"}}, (), True),
        ({"Null": {"iot:Unknown": "true"}}, (), True),
        ({"Null": {"iot:Unknown": "false"}}, (), False),
        ({"Null": {"iot:ClientId": "false"}}, (), True),
        ({"ForAllValues:StringNotEquals": {"iot:ConnectAttributes": "LastWill"}}, (), True),
        ({"ForAnyValue:StringNotEquals": {"iot:ConnectAttributes": "LastWill"}}, (), False),
        ({"StringNotEquals": {"iot:ConnectAttributes": "LastWill"}}, ("LastWill", "x"), False),
        ({"ForAllValues:StringEquals": {"iot:ConnectAttributes": ["LastWill"]}}, (), True),
        ({"ForAllValues:StringEquals": {"iot:ConnectAttributes": ["LastWill"]}}, ("LastWill",), True),
        (
            {"ForAllValues:StringEquals": {"iot:ConnectAttributes": ["LastWill"]}},
            ("PersistentConnect",),
            False,
        ),
        ({"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["LastWill"]}}, (), False),
    ],
)
def test_conditions(condition, attributes, allowed):
    documents = [document(allow("*", "*", Condition=condition))]
    assert policy.allows(documents, "iot:Connect", "client/cam1", VARIABLES, attributes) is allowed


@pytest.mark.parametrize("operator", ["StringNotEquals", "StringNotLike", "StringNotEqualsIgnoreCase"])
def test_a_deny_by_a_variable_that_is_missing_denies(operator):
    """IAM: a negated operator holds for a key that the request lacks."""
    only_camera = deny("*", "*", Condition={operator: {"iot:Connection.Thing.ThingName": "cam1"}})
    documents = [document(allow("*", "*"), only_camera)]
    assert policy.allows(documents, "iot:Publish", "topic/a", VARIABLES)
    assert not policy.allows(documents, "iot:Publish", "topic/a", UNATTACHED)


def test_a_stored_document_that_is_not_a_policy_allows_nothing(caplog):
    assert not policy.allows([document(allow("*", "*")), "{}"], "iot:Publish", "topic/a", {})
    assert "everything is denied" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[" * 100_000,
        '{"Statement": 3}',
        document(allow("*", "*", Condition=[])),
        document(allow("*", "*", Condition={"Bool": []})),
        document(allow("*", "*", Condition={"Null": {"a": "perhaps"}})),
        document(allow("*", "*", Condition={"IpAddress": {"a": "b"}})),
        "[]",
        "{}",
        '{"Statement": [1]}',
        document({"Effect": "Perhaps", "Action": "*", "Resource": "*"}),
        document({"Effect": "Allow", "Action": "*"}),
        document({"Effect": "Allow", "Resource": "*"}),
        document({"Effect": "Allow", "NotAction": "*", "Resource": "*"}),
        document(allow("*", 3)),
        document(allow("*", "*", Condition={"DateLessThan": {"a": "b"}})),
    ],
)
def test_what_is_no_policy_is_refused(text):
    with pytest.raises(policy.PolicyError):
        policy.parse(text)
