"""The virtual board: boots a LittleFS image as firmware does. Started by muster.virtual under the unix port.

Exit codes: 0 main.py ended, 1 an exception ended boot.py or main.py (a real board would show its prompt),
3 reset, 4 watchdog, 137 power cut. Ctrl-C (SIGINT) gives a prompt that reads nothing.
The settings are MUSTER_BOARD_* (README.md beside this file).
"""

import gc
import os
import socket  # noqa: F401
import sys
import time

# The stand-ins are loaded while the host's files are still visible; the board then finds them.
import machine  # noqa: F401
import micropython
import network  # noqa: F401
import vboard
from vboard import flash


def _prompt():
    """The prompt after Ctrl-C: the board waits, its timers run, its watchdog may reset it."""
    while True:
        try:
            print(">>> ")
            while True:
                time.sleep_ms(50)
        except KeyboardInterrupt:
            pass


def _execute(path):
    """Run one file, if it exists; return True when it ended normally."""
    try:
        os.stat(path)
    except OSError:
        return True
    try:
        execfile(path, _scope)  # noqa: F821
    except vboard.PowerOff:
        raise
    except SystemExit:
        vboard.switch_off(vboard.RESET, path + " called sys.exit: soft reset")
    except KeyboardInterrupt as error:
        sys.print_exception(error)
        _prompt()
    except BaseException as error:
        sys.print_exception(error)
        return False
    finally:
        vboard.check()  # a board that is off stays off, even if the program caught the exception
    return True


def _run():
    """The exit code."""
    try:
        return 0 if _execute("/boot.py") and _execute("/main.py") else 1
    except vboard.PowerOff as off:
        return off.args[0]


try:
    flash.mount()
except vboard.PowerOff as off:
    sys.exit(off.args[0])
del flash.mount  # needed once: its code does not have to stay on the heap
micropython.kbd_intr(3)  # some versions of the unix port ignore SIGINT by default
gc.collect()
_scope = {"__name__": "__main__"}  # of boot.py, then of main.py unless boot.py failed
sys.exit(_run())
