"""A relay that understands TLS records, so that power can be cut exactly before the n-th message."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

_HEADER = 5  # type, version, length (RFC 5246, section 6.2.1)


class RecordRelay:
    """Passes whole TLS records between a board and `target`, counts them, and stops before number `cut_at`.

    `cut` is called once, in a relay thread, instead of delivering that record.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self.port = self._listener.getsockname()[1]
        self.records = 0
        self.cut_at: int | None = None
        self.cut: Callable[[], None] = lambda: None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed at the end
            while True:
                board, _ = self._listener.accept()
                twin = socket.create_connection(self._target)
                for source, sink in ((board, twin), (twin, board)):
                    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError), source.makefile("rb") as records:
            while header := records.read(_HEADER):
                body = records.read(int.from_bytes(header[3:], "big"))
                with self._lock:
                    self.records += 1
                    if self.records == self.cut_at:
                        self.cut()
                        break
                sink.sendall(header + body)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


@contextlib.contextmanager
def record_relay(port: int) -> Iterator[RecordRelay]:
    """A RecordRelay to a local port for the length of the block."""
    relay = RecordRelay(("127.0.0.1", port))
    try:
        yield relay
    finally:
        relay.close()
