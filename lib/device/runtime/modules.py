"""Modules that come and go: what is used once is not kept in memory."""

import sys

_PASSING = (
    "device.port.wifi",
    "device.port.names",
    "device.port.causes",
    "device.core.datagrams",
    "device.core.pem",
    "device.core.explain",
    "device.core.x509",
    "device.core.der",
    "device.runtime.timekeeper",
    "device.runtime.explaining",
)


def load_service(name, state):
    """Make the service `name`; its module is imported only now."""
    full_name = "device.services." + name
    __import__(full_name)
    return sys.modules[full_name].SERVICE(name, state)


def unload(*names):
    """Free the memory of the modules with these full names, as far as they are loaded.

    Nothing that outlives this may be an object of one of their classes.
    """
    if sys.implementation.name != "micropython":
        return  # the host has memory, and its modules are shared
    for name in names:
        if sys.modules.pop(name, None):
            package, _, module = name.rpartition(".")
            if package in sys.modules and hasattr(sys.modules[package], module):
                delattr(sys.modules[package], module)


def unload_claim():
    """Free all that is only loaded on the way to an identity."""
    claim = "device.claim"
    unload("device.runtime.line", "device.core.hmac256", claim)
    unload(*[name for name in sys.modules if name.startswith(claim + ".")])


def unload_readers():
    """Free the readers of files that a board has read once it runs."""
    unload("device.core.settings", "device.core.startup", "device.core.slots", "device.runtime.identity")


def unload_passing():
    """Free what is loaded for one connection, or one failure."""
    unload(*_PASSING)
