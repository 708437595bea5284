"""The twin's TLS context: mutual, TLS 1.2 and 1.3, no session tickets, as AWS IoT Core has it."""

import ssl
from typing import Any

from muster.twin.log import log
from muster.twin.settings import Home

_log = log()


class _Told(ssl.SSLObject):
    """One connection's TLS, which tells of a handshake that failed: asyncio says nothing of it."""

    _is_over = False

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self._is_over = True
            _log.info("TLS handshake failed (%s)", error.reason or error)
            raise
        self._is_over = True

    def __del__(self, log: Any = _log) -> None:
        if not self._is_over:
            log.info("TLS handshake not finished: the client went away, or took too long")


def server_context(home: Home, require_sni: bool) -> ssl.SSLContext:
    """A context that accepts only clients whose certificate our CA signed; who they are is asked later.

    Source: AWS IoT Developer Guide, "Transport security in AWS IoT Core".
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _Told
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
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


def peer_certificate(connection: ssl.SSLObject | None) -> bytes | None:
    """The client's certificate in DER form."""
    return connection.getpeercert(binary_form=True) if connection is not None else None
