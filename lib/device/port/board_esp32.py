"""What is particular to the ESP32."""

NAME = "esp32"
HANDSHAKE_MS = 3000  # measured in an emulator: 1.8 s
KEY_MS = 1500  # estimated from instruction counts: 1 to 1.3 s
WATCHDOG_MS = 30000


def join_options():
    """Settings for WLAN.config before joining."""
    return {"reconnects": 3}  # for ever, otherwise: then a wrong password is never reported
