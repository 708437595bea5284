"""Facts about the ESP32 with 4 MiB flash (MicroPython's ESP32_GENERIC: `vfs` follows the program)."""

NAME = "esp32"
TITLE = "ESP32, 4 MiB flash"
CHIP = "esp32"
PLATFORM = "esp32"
BLOCK_SIZE = 4096
BLOCK_COUNT = 512  # with any other count the firmware says "filesystem appears to be corrupted" for ever
FLASH_OFFSET = 0x200000
PROG_SIZE = 32  # how the firmware mounts it
UF2_BASE = None  # flashed with esptool
UF2_FAMILY = None
BOOT_DRIVE = None
FLASH_BYTES = 4 << 20
NATIVE_USB = False  # a bridge, whose port stays
FIRMWARE = "ESP32_GENERIC"  # its page at micropython.org/download
MACHINES = ("Generic ESP32 module", "Generic ESP32 module with SPIRAM")  # not OTA, whose `vfs` lies elsewhere
OLDEST_FIRMWARE = (1, 26)  # older ones have `vfs` in their partition table

# Facts that the program on the board uses (device/_build.py).
WATCHDOG_MS = 30000
LOOP_TIMER = 0
LOG_BYTES = 2048  # what RTC memory has room for
LOG_RAM = None
WATCHDOG_REASON = None
LIGHT_PIN = None  # ESP32_GENERIC has no pins.csv, a module no light; many kits have one on GPIO 2
ESCAPE_PIN = 0  # the BOOT button: a strapping pin of the chip (its datasheet, "Strapping Pins")
TIMER = 1
HARD_TIMER = False
JOIN_OPTIONS = {"reconnects": 3}  # default: for ever, which never reports a wrong password
LATE_CONSOLE = False
TLS_HEAP_BYTES = 0  # TLS has a heap of its own
TLS_PIECE_BYTES = 16736
TLS_SESSIONS = 2  # at a time: a third has no 16 KB in one piece
LISTEN = ("80",)  # of the web page, without web.json
