"""Loads and unloads modules: those used once do not stay in memory."""

import gc
import sys

_MODULE = type(sys)
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
    """Unload the modules with these full names, but those that a module which stays has imported at its top.

    That module would keep them, and the next import would load them a second time. No instance of their
    classes may live on.
    """
    if sys.implementation.name != "micropython":
        return  # the host has enough memory, and shares its modules
    found = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    if not found:
        return
    for name in found:
        package, short = _place(name)
        if hasattr(package, short):
            delattr(package, short)
    _keep_held(found)
    if found and gc.mem_free() < _LITTLE_MEMORY:
        gc.collect()


def _keep_held(found):
    """Put those of {name: module} back that a loaded module holds, and what these hold in turn."""
    held = _held(found)
    while held:
        for name in held:
            package, short = _place(name)
            sys.modules[name] = found.pop(name)
            if package:
                setattr(package, short, sys.modules[name])
        held = _held(found)


def _held(found):
    """The names of those of {name: module} that a loaded module has among its variables.

    Only modules are looked at, by what they are: an application may have variables that cannot be compared.
    """
    held = []
    for module in sys.modules.values() if found else ():
        if type(module) is _MODULE:
            for value in module.__dict__.values():
                if type(value) is _MODULE:
                    held += [name for name in found if found[name] is value and name not in held]
    return held


def _place(name):
    """(package or None if that is not loaded, name in it) of the module with this full name."""
    package, _, short = name.rpartition(".")
    return sys.modules.get(package), short


def unload_packages(packages):
    """Unload these packages with all their modules."""
    unload(
        *[
            name
            for name in sys.modules
            if any(name == package or name.startswith(package + ".") for package in packages)
        ]
    )


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
