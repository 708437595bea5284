"""device.runtime.modules, which unloads what is used once; run under MicroPython by test_board.py."""

import sys

from device.runtime.modules import unload, unload_packages

_TOPICS, _SUBSCRIPTIONS = "device.core.topics", "device.runtime.subscriptions"
_X509, _DER = "device.core.x509", "device.core.der"
_ALL = _TOPICS, _SUBSCRIPTIONS, _X509, _DER


def _loaded(*names):
    """These modules, imported now, when no other module that a test loads was."""
    unload(*_ALL)
    for name in names:
        __import__(name)
    return [sys.modules[name] for name in names]


def test_what_is_unloaded_is_loaded_again_when_it_is_imported():
    (before,) = _loaded(_TOPICS)
    unload(_TOPICS)
    assert _TOPICS not in sys.modules and not hasattr(sys.modules["device.core"], "topics")
    from device.core import topics

    assert topics is not before and topics is sys.modules[_TOPICS]


def test_what_a_loaded_module_has_imported_stays():
    subscriptions, topics = _loaded(_SUBSCRIPTIONS, _TOPICS)
    unload(_TOPICS)
    assert sys.modules[_TOPICS] is topics is subscriptions.topics is sys.modules["device.core"].topics


def test_it_goes_with_the_last_that_has_imported_it():
    _loaded(_SUBSCRIPTIONS, _TOPICS)
    unload(_TOPICS, _SUBSCRIPTIONS)
    assert _TOPICS not in sys.modules and _SUBSCRIPTIONS not in sys.modules


def test_what_stays_keeps_what_it_has_imported():
    """x509 stays because this module has it; der stays because x509 does."""
    global x509
    x509, der = _loaded(_X509, _DER)
    try:
        unload(_DER, _X509)
        assert sys.modules[_X509] is x509 and sys.modules[_DER] is der
    finally:
        del x509
    unload(_DER, _X509)
    assert _X509 not in sys.modules and _DER not in sys.modules


def test_packages_go_together():
    _loaded(_SUBSCRIPTIONS, _TOPICS)
    unload_packages((_TOPICS, _SUBSCRIPTIONS))
    assert _TOPICS not in sys.modules and _SUBSCRIPTIONS not in sys.modules


class _Odd:
    """A variable of an application that cannot be compared with anything else."""

    def __eq__(self, other):
        return self.size == other.size


def test_variables_of_an_application_are_not_compared():
    global odd
    odd = _Odd()
    sys.modules["not a module"] = {}
    try:
        _loaded(_SUBSCRIPTIONS, _TOPICS)
        unload(_TOPICS)
        assert _TOPICS in sys.modules
        unload(_TOPICS, _SUBSCRIPTIONS)
        assert _TOPICS not in sys.modules
    finally:
        del odd, sys.modules["not a module"]
