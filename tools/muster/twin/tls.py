"""The twin's TLS context: mutual, TLS 1.2 and 1.3, no session tickets, as AWS IoT Core has it."""

import ssl

from muster.twin.settings import Home


def server_context(home: Home, require_sni: bool, needs_certificate: bool = True) -> ssl.SSLContext:
    """A context that accepts only clients whose certificate our CA signed; who they are is asked later.

    `needs_certificate` False: clients without any certificate, too.
    Source: AWS IoT Developer Guide, "Transport security in AWS IoT Core".
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED if needs_certificate else ssl.CERT_OPTIONAL
    context.load_cert_chain(home.server_pem, home.server_key)
    context.load_verify_locations(home.ca_pem)
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    if require_sni:
        context.sni_callback = _refuse_without_name
    return context


def _refuse_without_name(
    connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext
) -> int | None:
    return None if name else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
