"""RSA keys made ahead in a thread: one costs about 50 ms of processor, too much for the event loop.

The thread does not hold the interpreter's lock while it searches primes. Keys live in memory only.
"""

import asyncio
import threading
from collections import deque

from cryptography.hazmat.primitives.asymmetric import rsa


class KeyPool:
    """Keeps up to `size` RSA-2048 keys ready, refilled as they are taken; who asks first is served first."""

    def __init__(self, size: int) -> None:
        self._ready: deque[rsa.RSAPrivateKey] = deque()
        self._waiting: deque[asyncio.Future[rsa.RSAPrivateKey]] = deque()
        self._room = threading.Semaphore(max(1, size))  # for one more key
        self._is_stopping = False
        self._thread = threading.Thread(target=self._fill, name="twin-keypool", daemon=True)

    def start(self) -> None:
        """Begin to fill the pool, for the event loop that runs now."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end; a key being made is thrown away."""
        self._is_stopping = True
        self._room.release()

    async def take(self) -> rsa.RSAPrivateKey:
        """A key nobody else has; waits its turn when the pool is empty."""
        if not self._ready:
            turn = self._loop.create_future()
            self._waiting.append(turn)
            return await turn
        self._room.release()
        return self._ready.popleft()

    def _arrived(self, key: rsa.RSAPrivateKey) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # else whoever waited has given up
                turn.set_result(key)
                self._room.release()
                return
        self._ready.append(key)

    def _fill(self) -> None:
        while True:
            self._room.acquire()
            if self._is_stopping:
                return
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            try:
                self._loop.call_soon_threadsafe(self._arrived, key)
            except RuntimeError:
                return  # the loop is closed
