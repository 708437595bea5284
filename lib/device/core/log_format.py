"""The format of the log's ring (core.log writes it, core.log_reader reads it), and why a board started.

Only constants: on a board they are put in place, and this module is not loaded.
"""

MAGIC = b"mLg1"  # another number for another format
# magic, first byte, bytes used, first number, Unix s, at ms, ending + 2 * last number that was exported,
# checksum
HEAD = "<4sHHIIIII"
HEAD_BYTES = 28
CHECK_AT = 24
RECORD = "<HHIBB"  # bytes of all, checksum, ms, level, bytes of the source; then source and text
RECORD_BYTES = 10
RUNNING = 0  # how a run ends
ORDERLY = 1

# Why a board started.
POWER_ON = "power-on"
WATCHDOG = "watchdog"
PROGRAM = "program"  # it restarted itself, and said why before
SOFT_RESET = "soft reset"
RESET = "reset"  # by machine.reset() without a word: a tool on the console, or a crash of the firmware
