"""The pins of the board: status light, hold button, escape pin."""

import machine

from device import _build
from device.core import paths
from device.core.failures import GIVE_UP, Failure


def pin(name, is_output=False):
    """The pin `name` (number or text), or None for None; called, it gets or, an output, sets its level.

    An input is pulled up. Raises Failure when the board has no such pin.
    """
    if name is None:
        return None
    try:
        if is_output:
            return machine.Pin(name, machine.Pin.OUT)
        return machine.Pin(name, machine.Pin.IN, machine.Pin.PULL_UP)
    except ValueError:
        raise Failure(GIVE_UP, "this board has no pin %s" % name, "correct " + paths.CONF)


def held():
    """Whether the escape pin is low: the board then stays off the network."""
    escape = pin(_build.ESCAPE_PIN)
    return escape is not None and not escape()
