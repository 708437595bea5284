"""Loads and unloads modules: those used once do not stay in memory."""

import gc
import sys

_LITTLE_MEMORY = 65536  # with less, what was unloaded does not wait for the next collection

_PASSING = (
    "device.port.access_point",
    "device.port.wifi",
    "device.port.names",
    "device.port.causes",
    "device.port.kept",
    "device.core.datagrams",
    "device.core.log_reader",
    "device.core.pem",
    "device.core.explain",
    "device.core.x509",
    "device.core.der",
    "device.core.calendar",
    "device.runtime.timekeeper",
    "device.runtime.explaining",
)
_READERS = (
    "device.core.settings",
    "device.core.conf_file",
    "device.core.board_config",
    "device.core.wifi_file",
    "device.core.app_settings",
    "device.core.known_networks",
    "device.core.startup",
    "device.core.slots",
    "device.core.documents",
    "device.core.json_text",
    "device.core.topics",
    "device.runtime.identity",
)


def load_service(name, state):
    """Create the service `name`, importing its module now."""
    full_name = "device.services." + name
    __import__(full_name)
    return sys.modules[full_name].SERVICE(name, state)


def unload(*names):
    """Unload the modules with these full names if they are loaded.

    No instance of their classes may live on.
    """
    if sys.implementation.name != "micropython":
        return  # the host has enough memory, and shares its modules
    is_found = False
    for name in names:
        if sys.modules.pop(name, None):
            is_found = True
            package, _, module = name.rpartition(".")
            if package in sys.modules and hasattr(sys.modules[package], module):
                delattr(sys.modules[package], module)
    if is_found and gc.mem_free() < _LITTLE_MEMORY:
        gc.collect()


def unload_packages(packages):
    """Unload these packages with all their modules."""
    for package in packages:
        unload(*[name for name in sys.modules if name == package or name.startswith(package + ".")])


def unload_claim():
    """Unload everything that only provisioning needs."""
    unload("device.runtime.line", "device.core.hmac256")
    unload_packages(("device.claim",))


def unload_readers():
    """Unload the readers of files that a running board has read."""
    unload(*_READERS)


def unload_passing():
    """Unload what one connection or one failure needed."""
    unload(*_PASSING)
