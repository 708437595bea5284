"""The board itself: name, watchdog, reset, memory. What differs between boards is in one file each."""

import gc
import os
import sys

import machine

_facts = __import__("device.port.board_" + sys.platform)
facts = sys.modules["device.port.board_" + sys.platform]
HANDSHAKE_MS = facts.HANDSHAKE_MS  # how long one TLS handshake may block
KEY_MS = facts.KEY_MS  # how long making a key and its signing request blocks
_watchdog = None


def name():
    """The kind of board and its hardware number, for people."""
    return "%s-%s" % (facts.NAME, machine.unique_id().hex())


def random_bytes(count):
    """`count` random bytes from the hardware generator."""
    return os.urandom(count)


def start_watchdog():
    """From now on the board resets unless `feed` is called every few seconds. It cannot be stopped."""
    global _watchdog
    if _watchdog is None:
        _watchdog = machine.WDT(timeout=facts.WATCHDOG_MS)


def feed():
    """Tell the watchdog that the loop is alive."""
    if _watchdog:
        _watchdog.feed()


def reset():
    """Restart the board."""
    machine.reset()


def free_memory():
    """Bytes free on the Python heap after a collection."""
    gc.collect()
    return gc.mem_free()
