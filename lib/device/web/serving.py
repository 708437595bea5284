"""Puts the web server together: listeners, connections, microdot, the answers."""

import microdot

from device.core.failures import Failure
from device.web.routes import Site, error
from device.web.server import Server

_PIECE_BYTES = 512
_ERRORS = (
    (400, "the request is malformed"),
    (404, "there is nothing of this name"),
    (405, "only GET and POST are possible"),
    (413, "the body is too large"),
    (500, "this is an error in the program of the board: see its console"),
)


async def serve(service, web, fault):
    """Serve until cancelled; raises Failure when no place to listen can be had."""

    def on_bug(problem):
        service.bug(problem)

    microdot.print_exception = on_bug  # it would print what strangers send, again and again
    microdot.Response.send_file_buffer_size = _PIECE_BYTES
    listeners = _listeners(service, web.listen)
    app = _app(Site(service, web, fault))

    async def handle(connection):
        await app.handle_request(connection, connection)

    await Server(service.state.ports.clock, handle, on_bug).run(listeners)


def _app(site):
    app = microdot.Microdot()
    app.options_handler = None
    methods = ["GET", "POST"]
    app.route("/", methods)(site.answer)
    app.route("/<path:name>", methods)(site.answer)  # one pattern: each takes 300 bytes
    for status, text in _ERRORS:
        app.errorhandler(status)(_told(status, text))
    return app


def _told(status, text):
    return lambda _: error(status, text)


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
