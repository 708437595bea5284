"""The cloud's answers, field by field."""

import json

from check import raises
from device.claim import answers
from device.core import der, fields, pem, topics
from device.core.failures import AGAIN, GIVE_UP, OVER, Failure

_REGISTER = topics.register("T")


def _pem(label, size=40):
    return pem.from_der(der.sequence(der.octet_string(b"x" * size)), label)


def _created(**changes):
    value = {
        fields.CERTIFICATE_ID: "ab" * 32,
        fields.CERTIFICATE_PEM: _pem("CERTIFICATE"),
        fields.PRIVATE_KEY: _pem("RSA PRIVATE KEY"),
        fields.OWNERSHIP_TOKEN: "t" * 470,
    }
    value.update(changes)
    return value


def test_an_accepted_answer_is_its_document():
    assert answers.read(topics.accepted(_REGISTER), b'{"thingName": "x"}') == {"thingName": "x"}


def test_text_outside_ascii_is_read():
    raw = '{"errorMessage": "Ger\xe4t gesperrt", "statusCode": 403}'.encode()
    failure = raises(Failure, answers.read, topics.rejected(_REGISTER), raw)
    assert "Ger\xe4t gesperrt" in str(failure)


def test_what_is_no_object_is_asked_for_again():
    for raw in (b"", b"\xff", b"[1]", b"null", b"7", b'"x"', b"{", b"[" * 16000, b'{"a":' * 5000, b"{}{}"):
        for topic in (topics.accepted(_REGISTER), topics.rejected(_REGISTER)):
            failure = raises(Failure, answers.read, topic, raw)
            assert failure.kind == AGAIN and "not a JSON object" in str(failure), raw[:10]
            assert str(len(raw)) in str(failure)


def test_the_likely_cause_follows_topic_and_status():
    for topic, status, words in (
        (topics.CREATE_KEYS, 403, "claim certificate's policy"),
        (topics.CREATE_FROM_CSR, 400, "claim certificate's policy"),
        (_REGISTER, 403, "hook"),
        (_REGISTER, 401, "hook"),
        (_REGISTER, 404, "template T exists"),
        (_REGISTER, 400, "template T"),
    ):
        failure = answers.refusal(topics.rejected(topic), {fields.STATUS_CODE: status})
        assert failure.kind == GIVE_UP and words in failure.advice, (topic, status, failure.advice)


def test_refusal_takes_any_document():
    for status in (None, "500", [], {}, 1.5, -1, 0, 10**20, True):
        for text in (None, "", 5, [], {"a": {}}, "x" * 9000, "two\nlines\r\n"):
            document = {fields.STATUS_CODE: status, fields.ERROR_CODE: text, fields.ERROR_MESSAGE: text}
            failure = answers.refusal(topics.rejected(_REGISTER), document)
            assert failure.kind in (AGAIN, GIVE_UP)
            assert len(str(failure)) < 600
            assert "\n" not in str(failure) and "\r" not in str(failure), "one line"


def test_a_token_error_is_known_by_its_words():
    for code, message in (
        ("InvalidCertificateOwnershipToken", ""),
        ("", "Certificate ownership token cannot be empty."),
        ("InvalidRequest", "The ownership token has expired"),
    ):
        document = {fields.STATUS_CODE: 400, fields.ERROR_CODE: code, fields.ERROR_MESSAGE: message}
        assert answers.refusal(topics.rejected(_REGISTER), document).kind == OVER
        assert answers.refusal(topics.rejected(_REGISTER), dict(document, statusCode=500)).kind == AGAIN


def test_certificate_with_and_without_key():
    value = _created()
    assert answers.certificate(value, True) == (
        "ab" * 32,
        value[fields.CERTIFICATE_PEM],
        value[fields.PRIVATE_KEY],
        "t" * 470,
    )
    del value[fields.PRIVATE_KEY]
    assert answers.certificate(value, False)[2] is None
    assert raises(Failure, answers.certificate, value, True).kind == AGAIN


def test_wrong_fields_of_a_certificate_answer():
    for name in (fields.CERTIFICATE_ID, fields.CERTIFICATE_PEM, fields.PRIVATE_KEY, fields.OWNERSHIP_TOKEN):
        for value in (None, "", 5, [], {}, True, "x" * 5000):
            failure = raises(Failure, answers.certificate, _created(**{name: value}), True)
            assert failure.kind == AGAIN and name in str(failure), (name, value)
            assert "xxxx" not in str(failure)
        without = _created()
        del without[name]
        assert raises(Failure, answers.certificate, without, True).kind == AGAIN


def test_limits_of_lengths():
    answers.certificate(_created(certificateId="a" * 64, certificateOwnershipToken="t" * 2048), True)
    raises(Failure, answers.certificate, _created(certificateId="a" * 65), True)
    raises(Failure, answers.certificate, _created(certificateOwnershipToken="t" * 2049), True)
    raises(Failure, answers.certificate, _created(certificatePem=_pem("CERTIFICATE", 4000)), True)


def test_a_certificate_id_is_no_path():
    for name in ("../../lib", "a/b", ".", "..", "a b", "a\n", "\u00e4"):
        failure = raises(Failure, answers.certificate, _created(certificateId=name), True)
        assert failure.kind == AGAIN and "certificateId" in str(failure), name


def test_a_pem_that_is_cut_short_or_something_else_is_refused():
    certificate, key = _pem("CERTIFICATE"), _pem("RSA PRIVATE KEY")
    for name, bad in (
        (fields.CERTIFICATE_PEM, certificate[:-30]),
        (fields.CERTIFICATE_PEM, certificate.replace("\n", "\\n")),
        (fields.CERTIFICATE_PEM, key),
        (fields.CERTIFICATE_PEM, "-----BEGIN CERTIFICATE-----\n"),
        (fields.PRIVATE_KEY, certificate),
        (fields.PRIVATE_KEY, key[:40] + key[45:]),
    ):
        failure = raises(Failure, answers.certificate, _created(**{name: bad}), True)
        assert failure.kind == AGAIN and name in str(failure), bad
        assert "MCo" not in str(failure) and "eHh4" not in str(failure), "no secret in a message"


def test_keys_of_every_form_are_taken():
    for label in ("RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY"):
        answers.certificate(_created(privateKey=_pem(label)), True)


def test_registration():
    assert answers.registration({"thingName": "x"}) == ("x", {})
    assert answers.registration({"thingName": "x", "deviceConfiguration": None}) == ("x", {})
    assert answers.registration({"thingName": "x", "deviceConfiguration": {"a": "b"}}) == ("x", {"a": "b"})
    for value in (
        {},
        {"thingName": None},
        {"thingName": ""},
        {"thingName": 5},
        {"thingName": "x" * 129},
        {"thingName": "x", "deviceConfiguration": "y"},
        {"thingName": "x", "deviceConfiguration": [1]},
        {"thingName": "x", "deviceConfiguration": 0},
    ):
        assert raises(Failure, answers.registration, value).kind == AGAIN


def test_an_answer_in_full_stays_readable_for_the_journal():
    """What is nested too deep to be written again is not accepted."""
    raw = b'{"thingName": "x", "deviceConfiguration": {"a": ' + b"[" * 3000 + b"]" * 3000 + b"}}"
    assert raises(Failure, answers.read, topics.accepted(_REGISTER), raw).kind == AGAIN
    nested = b'{"thingName": "x", "deviceConfiguration": {"a": ' + b"[" * 10 + b"]" * 10 + b"}}"
    json.dumps(answers.read(topics.accepted(_REGISTER), nested))
