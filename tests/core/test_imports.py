"""`core` and `claim` run anywhere: every module of theirs is imported here, with no hardware in sight."""

import os
import sys

_LIB = (__file__.rsplit("/", 1)[0] if "/" in __file__ else ".") + "/../../lib/device/"
# Only a board has these; MicroPython's unix port has some of them, which is no reason to use them.
_OF_A_BOARD = ("machine", "network", "esp", "esp32", "rp2", "umqtt", "umqtt.simple", "bluetooth")


def _modules(package):
    names = sorted(name[:-3] for name in os.listdir(_LIB + package) if name.endswith(".py"))
    return [f"device.{package}.{name}" for name in names if name != "__init__"]


def test_core_and_claim_import_without_hardware():
    for package, some in (("core", "device.core.datagrams"), ("claim", "device.claim.handshake")):
        found = _modules(package)
        assert some in found and len(found) > 4
        for name in found:
            __import__(name)
            assert name in sys.modules
    for name in _OF_A_BOARD:
        assert name not in sys.modules, name


def test_what_reads_the_slots_at_a_boot_imports_without_hardware():
    """tests/core/world.py boots with it."""
    __import__("device.runtime.identity")
    assert hasattr(sys.modules["device.runtime.identity"], "know_self")
