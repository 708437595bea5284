"""Facts about the virtual board: the flash of a Pico W in a file."""

NAME = "virtual"
TITLE = "virtual board (MicroPython's unix port)"
CHIP = "host"
PLATFORM = "linux"
BLOCK_SIZE = 4096
BLOCK_COUNT = 212
FLASH_OFFSET = 0
PROG_SIZE = 256
UF2_BASE = None
UF2_FAMILY = None
BOOT_DRIVE = None
FLASH_BYTES = 212 * 4096
NATIVE_USB = False
FIRMWARE = None
MACHINES = ()
OLDEST_FIRMWARE = (1, 24)

# Facts that the program on the board uses (device/_build.py).
WATCHDOG_MS = 8388
LOOP_TIMER = -1
LOG_BYTES = 2048
LOG_RAM = None
WATCHDOG_REASON = None
LIGHT_PIN = "LED"
ESCAPE_PIN = 22
TIMER = -1
HARD_TIMER = True
JOIN_OPTIONS = {}
LATE_CONSOLE = False
TLS_HEAP_BYTES = 0
TLS_PIECE_BYTES = 16736
TLS_SESSIONS = 4
LISTEN = ("127.0.0.1:0",)  # of the web page, without web.json: any free port of this computer
