"""What is particular to the virtual board: MicroPython's unix port with stand-ins for the hardware."""

NAME = "virtual"
HANDSHAKE_MS = 500
KEY_MS = 50
WATCHDOG_MS = 8388  # as short as on a Pico W


def join_options():
    """Settings for WLAN.config before joining."""
    return {}
