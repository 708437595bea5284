"""Facts about the Raspberry Pi Pico 2 W, by MicroPython's RPI_PICO2_W and the datasheet; not tried.

Its pins.csv names the light as a Pico W's does: LED, EXT_GPIO0.
"""

LIKE = "pico_w"

NAME = "pico2_w"
TITLE = "Raspberry Pi Pico 2 W"
CHIP = "rp2350"
BLOCK_COUNT = 640
FLASH_OFFSET = 0x180000  # behind 1536 KiB for the program
UF2_FAMILY = 0xE48BFF59  # its Arm cores, secure
BOOT_DRIVE = "RP2350"
FLASH_BYTES = 4 << 20
FIRMWARE = "RPI_PICO2_W"
MACHINES = ("Raspberry Pi Pico 2 W",)
OLDEST_FIRMWARE = (1, 25)

LOG_RAM = (0x20070000, 0x10000)
WATCHDOG_REASON = 0x400D8008
TLS_SESSIONS = 2
