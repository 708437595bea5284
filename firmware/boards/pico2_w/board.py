"""Facts about the Raspberry Pi Pico 2 W (MicroPython's RPI_PICO2_W: mpconfigboard.h, memory map)."""

NAME = "pico2_w"
TITLE = "Raspberry Pi Pico 2 W"
CHIP = "rp2350"
PLATFORM = "rp2"
BLOCK_SIZE = 4096
BLOCK_COUNT = 640  # with any other count rp2 formats the flash again
FLASH_OFFSET = 0x180000  # of the file system, behind 1536 KiB for the program
PROG_SIZE = 256  # how the firmware mounts it
UF2_BASE = 0x10000000  # where the chip maps its flash
UF2_FAMILY = 0xE48BFF59  # its Arm cores, secure
BOOT_DRIVE = "RP2350"  # Board-ID in INFO_UF2.TXT of its BOOTSEL mode
FLASH_BYTES = 4 << 20
FIRMWARE = "RPI_PICO2_W"  # its page at micropython.org/download
MACHINES = ("Raspberry Pi Pico 2 W",)  # how that firmware calls itself
OLDEST_FIRMWARE = (1, 25)

# Facts that the program on the board uses (device/_build.py).
WATCHDOG_MS = 8388  # 16777 from MicroPython 1.29 on
LOOP_TIMER = -1
LOG_BYTES = 3072
LOG_RAM = (0x20070000, 0x10000)  # where the old log is looked for after a reset: the upper part of the heap
WATCHDOG_REASON = 0x400D8008  # register: why the watchdog has reset the chip
ESCAPE_PIN = 22  # GP22 to GND, pins 29 and 28
TIMER = -1
HARD_TIMER = True  # inside a TLS handshake only a hard interrupt runs
JOIN_OPTIONS = {"pm": 0xA11140}  # no power saving, which costs 100 ms per packet
LATE_CONSOLE = True  # USB starts after boot.py
TLS_HEAP_BYTES = 45000  # of the Python heap, as on a Pico W
TLS_PIECE_BYTES = 16736
TLS_SESSIONS = 2  # at a time
LISTEN = ("80",)  # of the web page, without web.json
