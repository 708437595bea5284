"""RSA keys made ahead in a thread: one costs about 50 ms of processor, too much for the event loop.

The thread does not hold the interpreter's lock while it searches primes. Keys live in memory only.
"""

import asyncio
import queue
import threading

from cryptography.hazmat.primitives.asymmetric import rsa


class KeyPool:
    """Keeps up to `size` RSA-2048 keys ready; made on first use of the pool, refilled as they are taken."""

    def __init__(self, size: int) -> None:
        self._ready: queue.Queue[rsa.RSAPrivateKey] = queue.Queue(maxsize=max(1, size))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._fill, name="twin-keypool", daemon=True)

    def start(self) -> None:
        """Begin to fill the pool."""
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end; a key being made is thrown away."""
        self._stopping.set()

    async def take(self) -> rsa.RSAPrivateKey:
        """A key nobody else has; waits without blocking the event loop when the pool is empty."""
        while True:
            try:
                return self._ready.get_nowait()
            except queue.Empty:
                await asyncio.sleep(0.005)

    def _fill(self) -> None:
        while not self._stopping.is_set():
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            while not self._stopping.is_set():
                try:
                    self._ready.put(key, timeout=0.2)
                    break
                except queue.Full:
                    continue
