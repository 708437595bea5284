"""What a builder gives a board that has been claimed."""

DEVICE = b'{"claim": "7423F-FA8DT", "product": "P1", "test": 1}'
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n"
PRIVATE = "-----BEGIN EC PRIVATE KEY-----\nMAMCAQI=\n-----END EC PRIVATE KEY-----\n"


def given_by(**changes):
    """The answer to a poll; `changes` to it."""
    value = {
        "claimed": True,
        "certificatePem": CERTIFICATE,
        "privateKey": PRIVATE,
        "rootCa": CERTIFICATE,
        "endpoint": "abc-ats.iot.eu-west-1.amazonaws.com",
        "port": 8883,
        "template": "CameraProvisioningTemplate",
    }
    value.update(changes)
    return value
