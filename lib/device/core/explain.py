"""The likely cause when AWS says nothing: it closes the connection on whatever a policy forbids.

Source: AWS IoT Developer Guide, "Provisioning by claim" and "Diagnosing connectivity issues".
"""

from device.claim import provision
from device.core import calendar, pem, topics, x509
from device.core.failures import AGAIN, GIVE_UP, OVER, Failure

CLAIM = "claim"
TRIAL = "new"


def identity(files_certificate, files_key, whose, now):
    """The Failure that the files themselves show, or None: not a pair, not yet valid, expired.

    Certificate and key are PEM or DER bytes; `whose` is CLAIM or TRIAL; `now` Unix seconds.
    """
    replace = "replace the claim credentials" if whose == CLAIM else "a new certificate is asked for"
    kind = GIVE_UP if whose == CLAIM else OVER
    try:
        der = pem.to_der(files_certificate)
        certificate = x509.read(der)
        if not x509.matches(der, pem.to_der(files_key)):
            return Failure(
                kind, "the %s certificate and the private key do not belong together" % whose, replace
            )
    except ValueError as error:
        return Failure(kind, "the %s certificate or its key is damaged (%s)" % (whose, error), replace)
    if now > certificate.not_after:
        return Failure(
            kind,
            "the %s certificate expired on %s (the clock says %s)"
            % (whose, calendar.text(certificate.not_after), calendar.text(now)),
            replace,
        )
    if now < certificate.not_before:
        return Failure(
            AGAIN,
            "the %s certificate is valid from %s, and the clock says %s"
            % (whose, calendar.text(certificate.not_before), calendar.text(now)),
            "set the clock: let NTP through",
        )
    return None


def closed(action, settings):
    """What the policy probably lacks when the server closed the connection during `action`; "" if unknown."""
    step = action[0]
    if step == provision.OPEN_CLAIM:
        return (
            "the claim certificate is probably revoked or unknown in this account, or its policy lacks "
            "iot:Connect on client/%s" % settings.serial
        )
    if step == provision.OPEN_TRIAL:
        return "the certificate is not active yet, or its policy lacks iot:Connect on client/%s" % action[1]
    if step == provision.SUBSCRIBE:
        create = topics.request_of(action[1][0])[0]
        register = topics.request_of(action[1][2])[0]
        return (
            "if it repeats, the claim policy lacks iot:Subscribe on topicfilter/%s/* or topicfilter/%s/*"
            % (
                create,
                register,
            )
        )
    if step == provision.ASK:
        return "if it repeats, the claim policy lacks iot:Publish on topic/%s" % action[1]
    return ""
