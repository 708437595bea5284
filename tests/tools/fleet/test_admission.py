"""The rule alone: every ground for a refusal, and that it stays fit for a Lambda."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from device.claim import provision
from device.core import fields
from muster.enrolment import admission, secrets
from muster.enrolment.admission import Enrolled, Standing

KEY = secrets.enrolment_key("group secret", "lamp-1")
DEVICE = Enrolled("lamp-1", False, False, {"room": "2"})
CERTIFICATE = "ab" * 32


def event(client_id="lamp-1", **parameters):
    proof = provision.proof(KEY, CERTIFICATE)
    values = {fields.PARAMETER_SERIAL: "lamp-1", fields.PARAMETER_PROOF: proof, **parameters}
    return {
        admission.CLAIM_CERTIFICATE_ID: "cd" * 32,
        fields.CERTIFICATE_ID: CERTIFICATE,
        admission.CLIENT_ID: client_id,
        fields.PARAMETERS: {name: value for name, value in values.items() if value is not None},
    }


def test_a_device_of_the_registry_is_admitted_with_what_the_registry_says():
    decision = admission.decide(event(room="9"), DEVICE, KEY)
    assert decision == (True, "", {"room": "2", fields.PARAMETER_SERIAL: "lamp-1"})


@pytest.mark.parametrize(
    ("asked", "device", "key", "reason"),
    [
        (event(**{fields.PARAMETER_SERIAL: None}), DEVICE, KEY, "serialID is missing"),
        (event(**{fields.PARAMETER_SERIAL: ""}), DEVICE, KEY, "serialID is missing"),
        (event(**{fields.PARAMETER_SERIAL: 7}), DEVICE, KEY, "serialID is missing"),
        ({**event(), fields.PARAMETERS: None}, DEVICE, KEY, "serialID is missing"),
        (event("lamp-2"), DEVICE, KEY, "client id"),
        (event(None), DEVICE, KEY, "client id"),
        (event("LAMP-1", **{fields.PARAMETER_SERIAL: "LAMP-1"}), DEVICE, KEY, "not in the registry"),
        (event(), None, None, "not in the registry"),
        (event(), DEVICE, None, "not in the registry"),
        (event(), DEVICE, secrets.enrolment_key("new secret", "lamp-1"), "proof of lamp-1"),
        (event(**{fields.PARAMETER_PROOF: None}), DEVICE, KEY, "proof of lamp-1"),
        (event(**{fields.PARAMETER_PROOF: ""}), DEVICE, KEY, "proof of lamp-1"),
        (event(**{fields.PARAMETER_PROOF: "\ud800\u0660"}), DEVICE, KEY, "proof of lamp-1"),
        (event(**{fields.PARAMETER_PROOF: provision.proof(KEY, "ef" * 32)}), DEVICE, KEY, "proof of lamp-1"),
        ({**event(), fields.CERTIFICATE_ID: None}, DEVICE, KEY, "proof of lamp-1"),
        ({**event(), fields.CERTIFICATE_ID: ""}, DEVICE, KEY, "proof of lamp-1"),
        (event(), DEVICE._replace(is_provisioned=True), KEY, "already provisioned: deprovision it first"),
        (event(), DEVICE._replace(is_retired=True), KEY, "retired"),
        (event(site="mine"), DEVICE, KEY, "'site'"),
        (event(**{"AWS::IoT::Certificate::Id": "x"}), DEVICE, KEY, "AWS::IoT"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_everything_else_is_refused_and_says_why(asked, device, key, reason):
    decision = admission.decide(asked, device, key)
    assert not decision.allow
    assert reason in decision.reason
    assert decision.overrides == {}


EXPIRED = DEVICE._replace(is_provisioned=True, has_expired=True)


def test_a_device_whose_certificate_has_expired_comes_in_again_with_its_proof():
    assert admission.decide(event(), EXPIRED, KEY).allow
    assert not admission.decide(event(), EXPIRED._replace(has_expired=False), KEY).allow


@pytest.mark.parametrize(
    ("asked", "device", "key", "reason"),
    [
        (event(**{fields.PARAMETER_PROOF: None}), EXPIRED, KEY, "proof of lamp-1"),
        (event(**{fields.PARAMETER_PROOF: provision.proof(KEY, "ef" * 32)}), EXPIRED, KEY, "proof of lamp-1"),
        (event(), EXPIRED, secrets.enrolment_key("new secret", "lamp-1"), "proof of lamp-1"),
        (event("lamp-2"), EXPIRED, KEY, "client id"),
        (event(), EXPIRED._replace(is_retired=True), KEY, "retired"),
        (event(site="mine"), EXPIRED, KEY, "'site'"),
    ],
)
def test_an_expired_certificate_opens_no_door_to_others(asked, device, key, reason):
    decision = admission.decide(asked, device, key)
    assert not decision.allow
    assert reason in decision.reason


def test_a_reason_holds_no_secret_and_nothing_long():
    wrong = provision.proof(KEY, "ef" * 32)
    for asked in (
        event(**{fields.PARAMETER_PROOF: wrong}),
        event("x" * 5000),
        event("\x1b[2J\n"),
        event(**{"y" * 5000: ""}),
    ):
        reason = admission.decide(asked, DEVICE, KEY).reason
        assert len(reason) < 300 and reason.isprintable()
        assert not any(secret in reason for secret in (KEY.hex(), wrong, provision.proof(KEY, CERTIFICATE)))


OWN = Standing(True, ("lamp-1",))


def test_a_device_renews_without_a_proof():
    asked = event(**{fields.PARAMETER_PROOF: None})
    provisioned = DEVICE._replace(is_provisioned=True)
    overrides = {"room": "2", fields.PARAMETER_SERIAL: "lamp-1"}
    assert admission.decide_renewal(asked, provisioned, OWN) == (True, "", overrides)
    assert admission.decide_renewal(asked, None, OWN) == (True, "", {fields.PARAMETER_SERIAL: "lamp-1"})


@pytest.mark.parametrize(
    ("asked", "device", "standing", "reason"),
    [
        (event(**{fields.PARAMETER_SERIAL: None}), DEVICE, OWN, "serialID is missing"),
        (event("lamp-2"), DEVICE, OWN, "client id"),
        (event(), DEVICE, None, "not active"),
        (event(), DEVICE, Standing(False, ("lamp-1",)), "not active"),
        (event(), DEVICE, Standing(True, ()), "not that of the thing"),
        (event(), DEVICE, Standing(True, ("lamp-2", "lamp-11")), "not that of the thing"),
        (event(), DEVICE._replace(name="lamp-2"), OWN, "not in the registry"),
        (event(), DEVICE._replace(is_retired=True), OWN, "retired"),
        (event(site="mine"), DEVICE, OWN, "'site'"),
    ],
)
def test_other_renewals_are_refused(asked, device, standing, reason):
    decision = admission.decide_renewal(asked, device, standing)
    assert not decision.allow
    assert reason in decision.reason


def test_the_rule_imports_nothing_that_a_lambda_lacks():
    source = Path(admission.__file__)
    modules = {
        name
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
    }
    assert modules - {"device.core"} <= set(sys.stdlib_module_names) | {"collections.abc"}
    lib = Path(fields.__file__).parents[2]
    code = f"import sys; sys.path[:0] = [{str(lib)!r}, {str(source.parent)!r}]; import admission"
    subprocess.run([sys.executable, "-S", "-E", "-c", code], check=True, timeout=30)
