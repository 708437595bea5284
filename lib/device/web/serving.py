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


async def serve(service, web, fault):
    """Serve until cancelled; raises Failure when no place to listen can be had."""
    microdot.print_exception = service.bug  # it would print what strangers send, again and again
    microdot.Response.send_file_buffer_size = _PIECE_BYTES
    listeners = _listeners(service, web.listen)
    app = App(Site(service, web, fault))
    await Server(service.state.ports.clock, app.handle_request, service.bug).run(listeners)


def _listeners(service, places):
    network = service.state.ports.network
    listeners = []
    failure = None
    for host, port in places:
        try:
            listener = network.listen(host, port)
        except Failure as why:
            failure = why
            service.say(str(why))
            continue
        listeners.append(listener)
        where = listener.host or network.address()
        service.say("page at http://%s%s/" % (where, "" if listener.port == 80 else ":%d" % listener.port))
    if not listeners:
        raise failure
    return listeners
