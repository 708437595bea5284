"""Facts about the ESP32-S3 with 8 MiB flash, by MicroPython's ESP32_GENERIC_S3; not tried.

LIGHT_PIN stays None: that has no pins.csv, and kits have an RGB light, which a level does not switch.
"""

LIKE = "esp32"

NAME = "esp32s3"
TITLE = "ESP32-S3, 8 MiB flash"
CHIP = "esp32s3"
BLOCK_COUNT = 1536
FLASH_BYTES = 8 << 20
NATIVE_USB = True
FIRMWARE = "ESP32_GENERIC_S3"
MACHINES = ("Generic ESP32S3 module", "Generic ESP32S3 module with Octal-SPIRAM")
