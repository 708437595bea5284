"""Facts about the ESP32-S3 with 8 MiB flash (MicroPython's ESP32_GENERIC_S3: `vfs` is what is left of it)."""

NAME = "esp32s3"
TITLE = "ESP32-S3, 8 MiB flash"
CHIP = "esp32s3"
PLATFORM = "esp32"
BLOCK_SIZE = 4096
BLOCK_COUNT = 1536  # with any other count the firmware says "filesystem appears to be corrupted" for ever
FLASH_OFFSET = 0x200000
PROG_SIZE = 32  # how the firmware mounts it
UF2_BASE = None  # flashed with esptool
UF2_FAMILY = None
BOOT_DRIVE = None
FLASH_BYTES = 8 << 20
FIRMWARE = "ESP32_GENERIC_S3"  # its page at micropython.org/download
MACHINES = ("Generic ESP32S3 module", "Generic ESP32S3 module with Octal-SPIRAM")
OLDEST_FIRMWARE = (1, 26)  # older ones have `vfs` in their partition table

# Facts that the program on the board uses (device/_build.py).
WATCHDOG_MS = 30000
LOOP_TIMER = 0
LOG_BYTES = 2048  # what RTC memory has room for
LOG_RAM = None
WATCHDOG_REASON = None
ESCAPE_PIN = 0  # the BOOT button
TIMER = 1
HARD_TIMER = False
JOIN_OPTIONS = {"reconnects": 3}  # default: for ever, which never reports a wrong password
LATE_CONSOLE = False
TLS_HEAP_BYTES = 0  # TLS has a heap of its own
TLS_PIECE_BYTES = 16736
TLS_SESSIONS = 2  # at a time
LISTEN = ("80",)  # of the web page, without web.json
