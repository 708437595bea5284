"""The cloud's answers to the three provisioning calls, checked field by field.

Source: AWS IoT Developer Guide, "Device provisioning MQTT API", and the API models of
CreateKeysAndCertificate, CreateCertificateFromCsr and RegisterThing for lengths.
"""

from device.core import documents, fields, topics
from device.core.failures import AGAIN, GIVE_UP, OVER, Failure

ASK = "ask"  # the step that these failures belong to
_MAX_PEM = 4096
_MAX_TOKEN = 2048
_MAX_ID = 64


def read(topic, payload):
    """The JSON object of an `accepted` answer.

    Raises Failure: for a `rejected` answer by its statusCode; AGAIN for an unreadable one.
    """
    try:
        value = documents.loads(payload)
    except ValueError:
        value = None
    request, agreed = topics.request_of(topic)
    if not isinstance(value, dict):
        raise Failure(AGAIN, "answer on %s is not a JSON object (%d bytes)" % (topic, len(payload)), "", ASK)
    if not agreed:
        raise refusal(topic, value)
    return value


def refusal(topic, value):
    """The Failure for a `rejected` document: statusCode decides; a token error starts over.

    AWS publishes no error codes for this API, so none is relied on. The similar HTTP API throttles with
    status 400, so the text is searched for that.
    """
    status = value.get(fields.STATUS_CODE)
    code = _one_line(value.get(fields.ERROR_CODE, ""), 80)
    message = _one_line(value.get(fields.ERROR_MESSAGE, ""), 200)
    cause = "refused on %s: %s %s %s" % (topic, status, code, message)
    words = code + message
    if not isinstance(status, int) or status >= 500 or status == 429 or "hrottl" in words:
        return Failure(AGAIN, cause, "", ASK)
    if "OwnershipToken" in words or "ownership token" in words:
        return Failure(OVER, cause, "", ASK)
    return Failure(GIVE_UP, cause, _likely(topic, status), ASK)


def _one_line(value, limit):
    return " ".join(str(value)[:limit].split())


def _likely(topic, status):
    template = topics.template_of(topics.request_of(topic)[0])
    if template is None:
        return "check the claim certificate's policy and the account's limits"
    if status in (401, 403):
        return "the pre-provisioning hook or the template's role refused this serial"
    if status == 404:
        return "check that template %s exists in this account and region" % template
    return "check template %s and its parameters" % template


def _text(value, name, limit):
    text = value.get(name)
    if not isinstance(text, str) or not text:
        raise Failure(AGAIN, "answer lacks %s" % name, "", ASK)
    if len(text) > limit:
        raise Failure(AGAIN, "answer has an invalid %s (%d characters)" % (name, len(text)), "", ASK)
    return text


def _whole(to_der, value, name, label):
    """A PEM text, checked: registering a damaged one would leave the board without a usable identity."""
    text = _text(value, name, _MAX_PEM)
    try:
        to_der(text, label)
    except ValueError as error:
        raise Failure(AGAIN, "answer has an invalid %s (%s)" % (name, error), "", ASK)
    return text


def _id(value):
    """The certificate id, checked because it names a folder on flash."""
    text = _text(value, fields.CERTIFICATE_ID, _MAX_ID)
    fault = topics.name_fault(text)
    if fault:
        raise Failure(AGAIN, "answer has an invalid %s: it %s" % (fields.CERTIFICATE_ID, fault), "", ASK)
    return text


def certificate(value, with_key):
    """(certificate id, certificate PEM, private key PEM or None, ownership token) of a create answer."""
    from device.core import pem  # not kept: the next connection loads it again

    return (
        _id(value),
        _whole(pem.to_der, value, fields.CERTIFICATE_PEM, pem.CERTIFICATE),
        _whole(pem.to_der, value, fields.PRIVATE_KEY, pem.PRIVATE_KEY) if with_key else None,
        _text(value, fields.OWNERSHIP_TOKEN, _MAX_TOKEN),
    )


def registration(value):
    """(thing name, device configuration) of a RegisterThing answer; the configuration may be absent."""
    configuration = value.get(fields.DEVICE_CONFIGURATION)
    if configuration is None:
        configuration = {}
    if not isinstance(configuration, dict):
        raise Failure(AGAIN, "answer has an invalid %s" % fields.DEVICE_CONFIGURATION, "", ASK)
    return _text(value, fields.THING_NAME, 128), configuration
