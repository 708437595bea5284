"""Facts about the ESP32-C3 with 4 MiB flash, by MicroPython's ESP32_GENERIC_C3; not tried."""

LIKE = "esp32"

NAME = "esp32c3"
TITLE = "ESP32-C3, 4 MiB flash"
CHIP = "esp32c3"
NATIVE_USB = True
FIRMWARE = "ESP32_GENERIC_C3"
MACHINES = ("ESP32C3 module",)
ESCAPE_PIN = 9  # the BOOT button: here GPIO 9 is the strapping pin. No LIGHT_PIN: kits have an RGB light
