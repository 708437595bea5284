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


def unload(*prefixes):
    """Free the memory of the modules with these full names, and of everything below them.

    Nothing that outlives this may be an object of one of their classes.
    """
    if sys.implementation.name != "micropython":
        return  # the host has memory, and its modules are shared
    for name in [name for name in sys.modules if _is_below(name, prefixes)]:
        del sys.modules[name]
        package, _, module = name.rpartition(".")
        if package in sys.modules and hasattr(sys.modules[package], module):
            delattr(sys.modules[package], module)


def unload_readers():
    """Free the readers of files that a board has read once it runs."""
    unload("device.core.settings", "device.core.startup", "device.core.slots", "device.runtime.identity")


def unload_passing():
    """Free what is loaded for one connection, or one failure."""
    unload(*_PASSING)


def _is_below(name, prefixes):
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)
