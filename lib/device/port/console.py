"""The console: one line an event, with the milliseconds since the board began."""

from device.port import clock

_start_ms = clock.ticks_ms()


def say(step, text):
    """Print what `step` has to tell. Texts never hold secrets: see core.provision.describe."""
    print("%7d ms  %-9s  %s" % (clock.since_ms(_start_ms), step, text))
