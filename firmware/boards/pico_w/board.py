"""Facts about the Raspberry Pi Pico W (MicroPython's RPI_PICO_W: mpconfigboard.cmake, modules/_boot.py)."""

NAME = "pico_w"
TITLE = "Raspberry Pi Pico W"
CHIP = "rp2040"
BLOCK_SIZE = 4096
BLOCK_COUNT = 212  # rp2 formats the flash anew when the image has any other count
FLASH_OFFSET = 0x12C000  # of the file system, in the 2 MiB flash
PROG_SIZE = 256  # how the firmware mounts it
UF2_BASE = 0x10000000  # where the chip maps its flash
UF2_FAMILY = 0xE48BFF56
