"""What is particular to the Raspberry Pi Pico W."""

NAME = "pico-w"
HANDSHAKE_MS = 7000  # measured in an emulator: 6.2 to 6.4 s with an RSA-2048 key
KEY_MS = 3500  # estimated from instruction counts: 2.5 to 3 s
WATCHDOG_MS = 8388  # the most that an RP2040 takes


def join_options():
    """Settings for WLAN.config before joining: no power saving, it costs 100 ms a packet."""
    return {"pm": 0xA11140}
