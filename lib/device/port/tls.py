"""TLS connections, always verified: there is no option to turn that off."""

import asyncio
import select

import tls

from device.core import paths
from device.core.failures import GIVE_UP, OVER, Failure
from device.port import board, clock, network
from device.port.failing import failure

LIMIT_MS = 20000  # of the handshake; with a key of RSA an RP2040 computes for four seconds
_LOOK_MS = 10
_NO_DELAY = (6, 1)  # IPPROTO_TCP, TCP_NODELAY: otherwise each small record of the handshake waits for an ACK
_FAULTY = select.POLLERR | select.POLLHUP


def context(files):
    """A client context for mutual TLS; `files` gives {name: PEM or DER}.

    PEM is converted to DER, because a Pico W before MicroPython 1.29 accepts nothing else. Each identity
    needs its own context, because a second load_cert_chain fails. Raises Failure; OVER when TLS cannot use
    the certificate or the key.
    """
    files = files()
    made = trusting((files.pop(paths.ROOT_CA),))
    identify(made, files)
    return made


def identify(context, files):
    """Let `context` show the certificate in `files`, {name: PEM or DER}, which loses what is used."""
    from device.core import pem

    try:
        context.load_cert_chain(
            pem.to_der(files.pop(paths.CERTIFICATE)),
            pem.to_der(files.pop(paths.PRIVATE_KEY), pem.PRIVATE_KEY),
        )
    except ValueError as error:
        raise Failure(OVER, "certificate or key cannot be used (%s)" % error, "replace both files")


def trusting(roots):
    """A client context that trusts the root CAs in `roots`, an iterable of PEM or DER; raises Failure."""
    from device.core import pem

    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    made.verify_mode = tls.CERT_REQUIRED
    try:
        for root in roots:
            for authority in pem.all_der(root):
                made.load_verify_locations(authority)
    except ValueError as error:
        raise Failure(GIVE_UP, "the root CA cannot be used (%s)" % error, "replace the root CA file")
    return made


def wrapped(plain, context, host):
    """The TLS socket over `plain`, before its handshake; closing it closes both. Raises what TLS raises."""
    with board.gate(LIMIT_MS):
        secure = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        secure.setblocking(False)
        return secure


def free(context):
    """Free the certificates and the key of a context that no open socket uses; nothing happens with None.

    The collector would do it as well, but asyncio's poller may refer to a closed socket, and so to its
    context, until others take its place: up to 8 KB of a Pico W, which the next connection needs.
    """
    if hasattr(context, "__del__"):
        context.__del__()


async def shake_hands(secure, first):
    """Make the handshake of a TLS socket, and send `first` over it. Raises what TLS raises.

    Only the steps of the handshake are behind a gate: other tasks run between them, and nothing would collect
    what they leave behind.
    """
    poller = select.poll()
    poller.register(secure, select.POLLOUT)  # TLS waits for what it needs instead
    while first:
        await asyncio.sleep_ms(0)  # a server that always has something to read must not hold up the loop
        while not any(poller.ipoll(0)):
            await asyncio.sleep_ms(_LOOK_MS)
        with board.gate(LIMIT_MS):
            count = secure.write(first)
        first = first[count or 0 :]


async def plain(host, port, limit_ms):
    """Return a connected, non-blocking plain socket; raises Failure."""
    where = "%s:%d" % (host, port)
    address = await network.lookup(host)
    try:
        stream, _ = await clock.limited(asyncio.open_connection(address, port), limit_ms)
    except asyncio.TimeoutError:
        raise failure("no_answer", where)
    except OSError as error:
        raise failure("of_connect", error, where)
    if _is_refused(stream.s):
        stream.s.close()
        raise failure("refuses", where)
    try:
        stream.s.setsockopt(_NO_DELAY[0], _NO_DELAY[1], 1)
    except (OSError, AttributeError):
        pass  # without this option the connection is only slower
    return stream.s


def _is_refused(plug):
    """Whether a seemingly open connection was refused: on lwIP nothing else shows it."""
    poller = select.poll()
    poller.register(plug, select.POLLOUT)
    return any(event[1] & _FAULTY for event in poller.poll(0))
