"""What the publish queue writes to the flash; run under MicroPython by queue_costs.py.

Arguments: bytes of a payload, bytes that the flash programs at once, messages, messages in one write.
Prints for one message: bytes programmed and blocks erased in thousandths, while stored, then while delivered;
then bytes of the log on the flash, and heap of the queue while all wait.
"""

import gc
import sys

from on_board_writes import begin

from device.core import paths
from device.core.backlog import Backlog
from device.core.queue import Queue
from device.port import store

TOPIC = "cameraDevice/camera-0001/temperature"


def main(size, program_bytes, count, together):
    """Store messages, deliver them, and print what that took."""
    flash = begin(program_bytes)
    gc.collect()
    heap = gc.mem_alloc()
    queue = Queue((1048576, 8192, 10, 3600), lambda: Backlog(store), False)
    queue.put(TOPIC, bytes(size), 0)
    queue.store(0)
    flash.programmed = flash.erased = 0
    for number in range(count):
        queue.put(TOPIC, bytes(size), 0)
        if number % together == together - 1:
            queue.store(0)
    found = [flash.programmed // count, flash.erased * 1000 // count]
    gc.collect()
    heap = gc.mem_alloc() - heap
    kept = sum(store.sizes(paths.QUEUE).values()) // (count + 1)
    flash.programmed = flash.erased = 0
    while True:
        message = queue.first()
        if message is None:
            break
        queue.done(message[0])
    found += [flash.programmed // count, flash.erased * 1000 // count]
    print(*found, kept, heap)


if __name__ == "__main__":
    main(*[int(word) for word in sys.argv[1:]])
