"""Every MQTT topic: built and matched here, nowhere else.

Source: AWS IoT Developer Guide, "Device provisioning MQTT API" and "Reserved topics";
the boot status topic is the seed's.
"""

CREATE_KEYS = "$aws/certificates/create/json"
CREATE_FROM_CSR = "$aws/certificates/create-from-csr/json"
DEFAULT_TEMPLATE = "CameraProvisioningTemplate"
DEFAULT_RENEWAL_TEMPLATE = "RenewalTemplate"  # with the device's own certificate, for a new one
DEFAULT_PREFIX = "cameraDevice"  # of the boot status, when ento.conf names none
THINGS = "$aws/things/"  # shadows and jobs of a thing stand below it
RULES = "$aws/rules/"  # basic ingest
_ACCEPTED = "/accepted"
_REJECTED = "/rejected"
_REGISTER_HEAD = "$aws/provisioning-templates/"
_REGISTER_TAIL = "/provision/json"


def register(template):
    """The RegisterThing request topic of the provisioning template `template`."""
    return _REGISTER_HEAD + template + _REGISTER_TAIL


def accepted(request):
    """The topic on which the cloud answers `request` when it agrees."""
    return request + _ACCEPTED


def rejected(request):
    """The topic on which the cloud answers `request` when it refuses."""
    return request + _REJECTED


def booted(prefix, serial):
    """The boot status topic of the board with this serial."""
    return prefix + "/" + serial + "/booted"


def template_of(topic):
    """The template name in a RegisterThing request topic, or None for any other topic."""
    if topic.startswith(_REGISTER_HEAD) and topic.endswith(_REGISTER_TAIL):
        name = topic[len(_REGISTER_HEAD) : -len(_REGISTER_TAIL)]
        if name and "/" not in name:
            return name
    return None


def request_of(topic):
    """Split an answer topic into (request topic, accepted?); (topic, None) when it is no answer."""
    if topic.endswith(_ACCEPTED):
        return topic[: -len(_ACCEPTED)], True
    if topic.endswith(_REJECTED):
        return topic[: -len(_REJECTED)], False
    return topic, None
