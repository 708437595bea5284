"""The likely cause when AWS says nothing: it closes the connection on whatever a policy forbids.

Only loaded when something has failed. Source: AWS IoT Developer Guide, "Provisioning by claim" and
"Diagnosing connectivity issues".
"""

from device.core import calendar, paths, pem, topics, x509
from device.core.failures import AGAIN, GIVE_UP, OVER, Expired, Failure

WHOSE = {
    paths.BOOTSTRAP: "claim certificate",
    paths.TRIAL: "new certificate",
    paths.CERT: "certificate of this board",
}
_REPLACE = {
    paths.BOOTSTRAP: "replace the claim credentials",
    paths.TRIAL: "a new certificate is asked for",
    paths.CERT: "with claim credentials a new one is asked for",
}


def identity(directory, files, now):
    """The Failure that the files of an identity themselves show, or None: no pair, not yet valid, expired.

    `directory` says whose they are (paths.BOOTSTRAP, TRIAL or CERT); `files` holds certificate and key in PEM
    or DER; `now` is Unix seconds.
    """
    whose, replace = WHOSE[directory], _REPLACE[directory]
    kind = OVER if directory == paths.TRIAL else GIVE_UP
    try:
        der = pem.to_der(files[paths.CERTIFICATE])
        certificate = x509.read(der)
        if not x509.matches(der, pem.to_der(files[paths.PRIVATE_KEY], pem.PRIVATE_KEY)):
            return Failure(kind, "the %s and the private key do not belong together" % whose, replace)
    except ValueError as error:
        return Failure(kind, "the %s or its key is damaged (%s)" % (whose, error), replace)
    if now > certificate.not_after:
        dates = (whose, calendar.text(certificate.not_after), calendar.text(now))
        return Expired(kind, "the %s expired on %s (the clock says %s)" % dates, replace)
    if now < certificate.not_before:
        dates = (whose, calendar.text(certificate.not_before), calendar.text(now))
        cause = "the %s is valid from %s, and the clock says %s" % dates
        return Failure(AGAIN, cause, "set the clock: let NTP through")
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
    """The filters, those of one request's answers as one."""
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
    """The same when the server closed a connection on which nothing had been asked for."""
    return (
        "another client took the name %s, the certificate was revoked, or a service asked for what the "
        "policy forbids"
    ) % client_id
