"""Facts about the Raspberry Pi Pico W (MicroPython's RPI_PICO_W: mpconfigboard.cmake, modules/_boot.py)."""

NAME = "pico_w"
TITLE = "Raspberry Pi Pico W"
CHIP = "rp2040"
PLATFORM = "rp2"
BLOCK_SIZE = 4096
BLOCK_COUNT = 212  # with any other count rp2 formats the flash again
FLASH_OFFSET = 0x12C000  # of the file system, in the 2 MiB flash
PROG_SIZE = 256  # how the firmware mounts it
UF2_BASE = 0x10000000  # where the chip maps its flash
UF2_FAMILY = 0xE48BFF56
BOOT_DRIVE = "RPI-RP2"  # Board-ID in INFO_UF2.TXT of its BOOTSEL mode
FLASH_BYTES = 2 << 20
NATIVE_USB = True  # no bridge: its port goes at each reset, and comes back
FIRMWARE = "RPI_PICO_W"  # its page at micropython.org/download
MACHINES = ("Raspberry Pi Pico W",)  # how that firmware calls itself
OLDEST_FIRMWARE = (1, 24)

# Facts that the program on the board uses (device/_build.py).
WATCHDOG_MS = 8388  # the maximum of an RP2040
LOOP_TIMER = -1
LOG_BYTES = 3072
LOG_RAM = (0x20030000, 0x10000)  # where the old log is looked for after a reset: the upper part of the heap
WATCHDOG_REASON = 0x40058008  # register: why the watchdog has reset the chip
LIGHT_PIN = "LED"  # boards/RPI_PICO_W/pins.csv: EXT_GPIO0, a pin of the Wi-Fi chip, set over its bus
ESCAPE_PIN = 22  # GP22 to GND, pins 29 and 28
TIMER = -1
HARD_TIMER = True  # inside a TLS handshake only a hard interrupt runs
JOIN_OPTIONS = {"pm": 0xA11140}  # no power saving, which costs 100 ms per packet
LATE_CONSOLE = True  # USB starts after boot.py
TLS_HEAP_BYTES = 45000  # of the Python heap; one handshake with a chain of three certificates takes 41 KB
TLS_PIECE_BYTES = 16736  # in one piece: the input buffer, measured with MicroPython 1.26 and 1.28
TLS_SESSIONS = 1  # at a time
LISTEN = ("80",)  # of the web page, without web.json
