"""What storing documents writes to the flash, by way; run under MicroPython by flash_writes.py.

Arguments: way, size of a document, bytes that the flash programs at once, documents stored, different keys.
Prints for one document: bytes programmed, blocks erased in thousandths; then the most that one call erased.
"""

import io
import json
import os
import sys

import vfs
from vboard.flash import Flash

from device.core.table import Table
from device.port import store

BLOCK = 4096
BLOCKS = 212  # of a Pico W's file system
FOLDER = "/etc/peer"


class Counting(Flash):
    """A flash that counts bytes and erased blocks."""

    programmed = 0
    erased = 0

    def writeblocks(self, block, buffer, offset=0):
        self.programmed += len(buffer)
        return super().writeblocks(block, buffer, offset)

    def ioctl(self, operation, argument):
        self.erased += operation == 6
        return super().ioctl(operation, argument)


def begin(program_bytes):
    """The flash, mounted."""
    flash = Counting(io.BytesIO(bytes(BLOCKS * BLOCK)))
    vfs.VfsLfs2.mkfs(flash)
    while True:
        try:
            vfs.umount("/")
        except OSError:
            break
    vfs.mount(vfs.VfsLfs2(flash, progsize=program_bytes), "/")
    os.chdir("/")
    return flash


def way(name):
    """The function that stores {key: document}."""
    table = Table(store, "bench", lambda table, size, count: None, None)
    everything = {}

    def files(documents):
        for key in documents:
            store.write(f"{FOLDER}/{key}", json.dumps(documents[key]).encode())

    def one_file(documents):
        everything.update(documents)
        store.write(FOLDER + "/all", json.dumps(everything).encode())

    return {"table": table.put_all, "files": files, "one file": one_file}[name]


def main(name, size, program_bytes, count, keys):
    """Store documents, and print what that took."""
    name, _, together = name.partition(" x ")
    together = int(together or 1)
    flash = begin(program_bytes)
    put = way(name)
    fixed = len(json.dumps({"n": 1000, "text": ""}, separators=(",", ":")))
    start = most = 0
    for number in range(-keys, count, together):
        if number == 0:
            flash.programmed = flash.erased = 0
        start = flash.erased
        put(
            {
                f"key-{at % keys:03}": {"n": 1000 + at % 1000, "text": "x" * (size - fixed)}
                for at in range(number, number + together)
            }
        )
        most = max(most, flash.erased - start)
    print(flash.programmed // count, flash.erased * 1000 // count, most)


if __name__ == "__main__":
    main(sys.argv[1], *[int(word) for word in sys.argv[2:]])
