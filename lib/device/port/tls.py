"""TLS contexts with verification, always: there is no way to ask for less."""

import tls

from device.core import pem
from device.core.failures import GIVE_UP, Failure, Unusable


def context(root_ca, certificate, private_key):
    """A client context for mutual TLS from three PEM or DER byte strings.

    PEM is turned into DER because a Pico W before MicroPython 1.29 takes nothing else. One context, one
    identity: a second load_cert_chain fails, so each identity gets its own. Raises Failure (GIVE_UP).
    """
    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    made.verify_mode = tls.CERT_REQUIRED
    try:
        for authority in pem.all_der(root_ca):
            made.load_verify_locations(authority)
    except ValueError as error:
        raise Failure(GIVE_UP, "the root CA cannot be used (%s)" % error, "replace the root CA file")
    try:
        made.load_cert_chain(pem.to_der(certificate), pem.to_der(private_key, pem.PRIVATE_KEY))
    except ValueError as error:
        raise Unusable("certificate or key cannot be used (%s)" % error, "replace both files")
    return made
