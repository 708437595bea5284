"""A model of the cloud: certificates and things, and what it says to CreateX and RegisterThing."""

from device.core import der, fields, paths, pem

TOKEN_LIFE_S = 3600


def text_of(kind, name):
    """A PEM text that names what it stands for; whole, but nothing that a server would take."""
    return pem.from_der(der.sequence(der.octet_string(name.encode())), kind)


def refusal(status, code="", message=""):
    """A `rejected` document."""
    return {fields.STATUS_CODE: status, fields.ERROR_CODE: code, fields.ERROR_MESSAGE: message}


class Certificate:
    """One certificate that exists: `thing` is its thing's name once it is registered, and so active."""

    def __init__(self, number, born, key):
        self.id = f"{number:064x}"
        self.pem = text_of("CERTIFICATE", self.id).encode()
        self.key = key  # PEM of the private key, whoever made it
        self.token = f"token-{number}"
        self.born = born
        self.thing = None


class Cloud:
    """Certificates and things. `script` gives the next answers of a call in place of the real ones.

    An item of `script["create"]` or `script["register"]` is (accepted?, document or bytes), or a Failure
    that is raised after the request was carried out, or None for the real answer.
    """

    def __init__(self):
        self.certificates = []
        self.creates = 0
        self.script = {"create": [], "register": []}
        self.thing_name = None  # what the template makes of a serial; None: the serial itself
        self.takes_token_twice = False
        self.expired = []  # ids of certificates whose dates are over
        self.board_keys = {}  # signing request -> key, both in PEM: what the board made

    def active(self):
        """The certificates that are active."""
        return [certificate for certificate in self.certificates if certificate.thing]

    def revoke(self, certificate_id):
        """Revoke the certificate with this id."""
        for certificate in self.certificates:
            if certificate.id == certificate_id:
                certificate.thing = None

    def of(self, files):
        """The certificate that these files of a slot hold, with its key; None when they hold none."""
        for certificate in self.certificates:
            if (files[paths.CERTIFICATE], files[paths.PRIVATE_KEY]) == (certificate.pem, certificate.key):
                return certificate
        return None

    def create(self, payload, now):
        """(accepted?, document) of either call that makes a certificate."""
        self.creates += 1
        request = payload.get(fields.SIGNING_REQUEST)
        if request is None:
            key = text_of("RSA PRIVATE KEY", f"cloud key {self.creates}").encode()
        else:
            key = self.board_keys[request.encode()]
        made = Certificate(self.creates, now, key)
        self.certificates.append(made)
        answer = {
            fields.CERTIFICATE_ID: made.id,
            fields.CERTIFICATE_PEM: made.pem.decode(),
            fields.OWNERSHIP_TOKEN: made.token,
        }
        if request is None:
            answer[fields.PRIVATE_KEY] = key.decode()
        return True, answer

    def register(self, payload, now):
        """(accepted?, document) of RegisterThing."""
        for found in self.certificates:
            if found.token != payload.get(fields.OWNERSHIP_TOKEN) or now - found.born >= TOKEN_LIFE_S:
                continue
            if found.thing and not self.takes_token_twice:
                break
            found.thing = self.thing_name or payload[fields.PARAMETERS][fields.PARAMETER_SERIAL]
            return True, {fields.THING_NAME: found.thing, fields.DEVICE_CONFIGURATION: {"zone": "north"}}
        return False, refusal(400, "InvalidCertificateOwnershipToken", "no such token")
