"""Provisioning templates: AWS IoT Developer Guide, "Provisioning templates"."""

import json

import pytest

from muster.twin import template
from muster.twin.template import TemplateError

CERTIFICATE = {
    "Type": "AWS::IoT::Certificate",
    "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"},
}
GIVEN = {"Serial": "s1", "Model": "m-2"}


def body(thing_name="t", extra=None, **more):
    resources = {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": thing_name}},
        "certificate": CERTIFICATE,
        **(extra or {}),
    }
    return json.dumps({"Resources": resources, **more})


def policy_of(**properties):
    return {"policy": {"Type": "AWS::IoT::Policy", "Properties": properties}}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("plain", "plain"),
        ({"Ref": "Serial"}, "s1"),
        ({"Fn::Join": ["-", ["cam", {"Ref": "Serial"}]]}, "cam-s1"),
        ({"Fn::Join": ["", ["a", "b"]]}, "ab"),
        ({"Fn::Sub": "cam_${Serial}_${AWS::Region}"}, "cam_s1_local-1"),
        ({"Fn::Sub": ["${Serial}${x}", {"x": {"Ref": "Model"}}]}, "s1m-2"),
        ({"Fn::Select": ["1", {"Fn::Split": ["-", {"Ref": "Model"}]}]}, "2"),
        ({"Fn::Select": [0, ["a", "b"]]}, "a"),
        ({"Fn::FindInMap": ["Sites", {"Ref": "Serial"}, "name"]}, "attic"),
    ],
)
def test_functions(expression, value):
    text = body(expression, Mappings={"Sites": {"s1": {"name": "attic"}}})
    assert template.plan(text, GIVEN, "id").thing.name == value


def test_sub_leaves_policy_variables_alone():
    document = (
        '{"Statement": {"Effect": "Allow", "Action": "*",'
        ' "Resource": "${Serial}/${iot:ClientId}/${!iot:ClientId}"}}'
    )
    plan = template.plan(body(extra=policy_of(PolicyDocument={"Fn::Sub": document})), GIVEN, "id")
    assert '"s1/${iot:ClientId}/${iot:ClientId}"' in plan.policy_documents[0]


def test_defaults_and_given_parameters():
    text = body({"Ref": "Name"}, Parameters={"Name": {"Type": "String", "Default": "d"}})
    assert template.plan(text, {}, "id").thing.name == "d"
    assert template.plan(text, {"Name": "g"}, "id").thing.name == "g"


def test_everything_a_plan_holds():
    text = json.dumps(
        {
            "Resources": {
                "thing": {
                    "Type": "AWS::IoT::Thing",
                    "Properties": {
                        "ThingName": "t",
                        "ThingTypeName": "camera",
                        "AttributePayload": {"model": {"Ref": "Model"}},
                        "ThingGroups": ["attic"],
                    },
                    "OverrideSettings": {"AttributePayload": "MERGE"},
                },
                "certificate": {
                    "Type": "AWS::IoT::Certificate",
                    "Properties": {
                        "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                        "Status": "INACTIVE",
                        "ThingPrincipalType": "EXCLUSIVE_THING",
                    },
                },
                **policy_of(PolicyName="p"),
            },
            "DeviceConfiguration": {"url": {"Fn::Sub": "https://${Serial}"}, "n": 3},
        }
    )
    plan = template.plan(text, GIVEN, "id")
    assert (plan.thing.name, plan.thing.type, plan.thing.groups) == ("t", "camera", ["attic"])
    assert plan.thing.attributes == {"model": "m-2"}
    assert plan.thing.overrides == {"AttributePayload": "MERGE"}
    assert (plan.certificate_status, plan.is_exclusive) == ("INACTIVE", True)
    assert (plan.policy_names, plan.policy_documents) == (["p"], [])
    assert plan.configuration == {"url": "https://s1", "n": "3"}


def test_no_configuration_is_none():
    assert template.plan(body(), GIVEN, "id").configuration is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{", "not JSON"),
        ("{}", "no Resources"),
        ("x" * 10_241, "10240"),
        (body({"Ref": "Nobody"}), "Nobody"),
        (body({"Fn::Sub": "${Nobody}"}), "Nobody"),
        (body({"Fn::Base64": "x"}), "unknown function"),
        (body({"Fn::Join": ["-"]}), "Fn::Join"),
        (body({"Fn::Select": [7, ["a"]]}), "Fn::Select"),
        (body({"Fn::FindInMap": ["a", "b", "c"]}), "Fn::FindInMap"),
        (body("no blanks"), "ThingName"),
        (body("x" * 129), "ThingName"),
        (body({"Ref": "Missing"}, Parameters={"Missing": {"Type": "String"}}), "Missing is missing"),
        (body(extra=policy_of()), "either"),
        (body(extra=policy_of(PolicyName="a", PolicyDocument={})), "either"),
        (body(extra=policy_of(PolicyDocument="{}")), "Statement"),
        (body(extra={"x": {"Type": "AWS::S3::Bucket"}}), "type"),
        (body(DeviceConfiguration={"a": {"b": "c"}}), "flat"),
        (json.dumps({"Resources": {"thing": {"Type": "AWS::IoT::Thing"}}}), "ThingName"),
        (json.dumps({"Resources": {"p": policy_of(PolicyName="a")["policy"]}}), "one certificate"),
    ],
)
def test_what_cannot_be_used_is_refused(text, part):
    with pytest.raises(TemplateError) as error:
        template.plan(text, GIVEN, "id")
    assert part in str(error.value)
