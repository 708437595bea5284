"""The likely cause when AWS gives none: it just closes the connection when a policy forbids something.

Only loaded when something has failed. Source: AWS IoT Developer Guide, "Provisioning by claim" and
"Diagnosing connectivity issues".
"""

from device.core import calendar, paths, pem, topics, x509
from device.core.failures import AGAIN, GIVE_UP, OVER, Expired, Failure

_REPLACE = {
    paths.BOOTSTRAP: "replace the claim credentials",
    paths.TRIAL: "the board requests a new one",
    paths.CERT: "with claim credentials the board requests a new one",
}


def identity(directory, files, now):
    """The Failure visible in an identity's own files (mismatched, not yet valid, expired), or None.

    `directory` says whose they are (paths.BOOTSTRAP, TRIAL or CERT); `files` holds certificate and key in PEM
    or DER; `now` is Unix seconds.
    """
    whose, replace = dict(paths.CERTIFICATE_NAMES)[directory], _REPLACE[directory]
    kind = OVER if directory == paths.TRIAL else GIVE_UP
    try:
        der = pem.to_der(files[paths.CERTIFICATE])
        certificate = x509.read(der)
        if not x509.matches(der, pem.to_der(files[paths.PRIVATE_KEY], pem.PRIVATE_KEY)):
            return Failure(kind, "the %s does not match the private key" % whose, replace)
    except ValueError as error:
        return Failure(kind, "the %s or its key is damaged (%s)" % (whose, error), replace)
    if now > certificate.not_after:
        dates = (whose, calendar.text(certificate.not_after), calendar.text(now))
        return Expired(kind, "the %s expired on %s (the clock says %s)" % dates, replace)
    if now < certificate.not_before:
        dates = (whose, calendar.text(certificate.not_before), calendar.text(now))
        cause = "the %s is not valid before %s (the clock says %s)" % dates
        return Failure(AGAIN, cause, "allow NTP (UDP port 123)")
    return None


def closed_at_connect(directory, client_id):
    """What the policy probably lacks when the server closed the connection instead of accepting it."""
    if directory == paths.TRIAL:
        text = "the certificate is not active yet, or its policy lacks iot:Connect on client/%s"
    elif directory == paths.BOOTSTRAP:
        text = (
            "the claim certificate is probably revoked or unknown in this account, or its policy lacks "
            "iot:Connect on client/%s"
        )
    else:
        text = "the certificate is probably revoked, or its policy lacks iot:Connect on client/%s"
    return text % client_id


def closed_at_subscribe(filters):
    """The same when the server closed the connection after a SUBSCRIBE."""
    return "the policy probably lacks iot:Subscribe on " + " or ".join(
        "topicfilter/" + name for name in _shortened(filters)
    )


def _shortened(filters):
    """The filters, with the two answer topics of one request merged."""
    names = []
    for name in filters:
        request, answer = topics.request_of(name)
        name = name if answer is None else request + "/*"
        if name not in names:
            names.append(name)
    return names


def closed_at_publish(topic):
    """The same when the server closed the connection after a PUBLISH."""
    return "the policy probably lacks iot:Publish on topic/" + topic


def closed_later(client_id):
    """The same when the server closed an idle connection."""
    return (
        "another client connected as %s, the certificate was revoked, or the policy forbids what a "
        "service did"
    ) % client_id
