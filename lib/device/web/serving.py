"""Puts the web server together: listeners, connections, microdot, the answers."""

import microdot

from device.core.failures import Failure
from device.web.routes import Site
from device.web.server import Server

_PIECE_BYTES = 512


class App(microdot.Microdot):
    """microdot with one function for every request: each pattern of its own would take 300 bytes."""

    def __init__(self, site):
        super().__init__()
        self.options_handler = None
        self._answer = site.answer

    def find_route(self, req):
        """(function, prefix, application) for a request."""
        req.url_args = {}
        return self._answer, "", None


async def serve(service, web):
    """Serve until cancelled; raises Failure when no port is available."""
    microdot.print_exception = service.bug  # it would print what strangers send, again and again
    microdot.Response.send_file_buffer_size = _PIECE_BYTES
    state = service.state
    listeners = _listeners(service, web.listen)
    app = App(Site(service, web))
    said = None

    def look():  # with each turn of the server
        nonlocal said
        address = _address(state)
        if address and address != said:
            said = address
            for listener in listeners:
                port = "" if listener.port == 80 else ":%d" % listener.port
                service.say("page at http://%s%s/" % (listener.host or address, port))

    await Server(state.ports, app.handle_request, service.bug).run(listeners, look)


def _address(state):
    """Where the board is reached at present, or None."""
    opened = state.networking.access_point
    if opened:
        return opened[1]
    joined = state.ports.network.facts()
    return joined and joined[1]


def _listeners(service, places):
    network = service.state.ports.network
    listeners = []
    failure = None
    for host, port in places:
        try:
            listeners.append(network.listen(host, port))
        except Failure as why:
            failure = why
            service.warn(str(why))
    if not listeners:
        raise failure
    return listeners
