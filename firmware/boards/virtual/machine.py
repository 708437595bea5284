"""`machine` on the virtual board: identity, reset, watchdog, timers, clock, and pins without effect.

MUSTER_BOARD_PIN_LOW   numbers of pins with commas: as inputs they read 0, as if wired to ground
MUSTER_BOARD_PINS      file with the same, which the host may change
MUSTER_BOARD_SHOW_PINS  names of pins with commas: each change of level is printed
MUSTER_BOARD_KEPT      file with the memory of the RTC, which a reset keeps and a power-off loses
"""

import sys
import time

import micropython
import utime
import vboard

_ESP32 = vboard.setting("KIND") == "esp32"

# The numbers differ between chips, and the ESP32 has more causes than the RP2040.
if _ESP32:
    PWRON_RESET = 1
    HARD_RESET = 2
    WDT_RESET = 3
    DEEPSLEEP_RESET = 4
    SOFT_RESET = 5
else:
    PWRON_RESET = 1
    WDT_RESET = 3

_WDT_LIMIT_MS = 8388  # of the RP2040


def unique_id():
    """6 bytes on an ESP32, 8 on the others."""
    return bytes.fromhex(vboard.setting("UNIQUE_ID", "24a1600001f4" if _ESP32 else "e6614c311b4f2a37"))


def reset():
    """Never returns."""
    vboard.switch_off(vboard.RESET, "reset")


def bootloader(timeout_ms=0):
    """Never returns: the chip waits for a firmware."""
    vboard.switch_off(vboard.BOOTLOADER, "in its boot loader")


def reset_cause():
    """One of the constants, as set by MUSTER_BOARD_RESET_CAUSE."""
    return int(vboard.setting("RESET_CAUSE", "1"))


def freq(*hertz):
    """The frequency of a Pico W; setting it has no effect."""
    return 125000000


def idle():
    """Wait a moment."""
    time.sleep_ms(1)


class WDT:
    """The watchdog: cannot be stopped; ends the run with exit code 4 unless fed in time."""

    def __init__(self, id=0, timeout=5000):
        if timeout <= 0 or (timeout > _WDT_LIMIT_MS and not _ESP32):
            raise ValueError("timeout exceeds %d" % _WDT_LIMIT_MS)
        self._timeout = timeout
        self.feed()

    def feed(self):
        """Restart the time-out."""
        vboard.watch(self._timeout)


class Timer:
    """A software timer, run by vboard.check(). A hard callback cannot allocate memory."""

    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id=-1, **options):
        if options:
            self.init(**options)

    def init(self, *, mode=PERIODIC, period, callback, hard=False):
        """Restart: call `callback(timer)` every `period` milliseconds, or once."""
        self.deinit()
        self._options = mode, period, callback, hard
        self._due = utime.ticks_add(utime.ticks_ms(), period)
        vboard.timers.append(self)

    def deinit(self):
        """Stop."""
        if self in vboard.timers:
            vboard.timers.remove(self)

    def run(self, soft):
        """Call back once for each period that has passed; soft callbacks only if `soft`."""
        mode, period_ms, callback, hard = self._options
        now = utime.ticks_ms()
        while self in vboard.timers and (soft or hard) and utime.ticks_diff(now, self._due) >= 0:
            self._due = utime.ticks_add(self._due, period_ms)
            failed = None
            if mode == self.ONE_SHOT:
                self.deinit()
            if hard:
                micropython.heap_lock()
            try:
                callback(self)
            except Exception as error:
                failed = error
            if hard:
                micropython.heap_unlock()
            if failed:
                self.deinit()
                print("uncaught exception in Timer callback")
                sys.print_exception(failed)


_RTC_BYTES = 2048  # of an ESP32
_kept = (
    open(vboard.setting("KEPT"), "r+b") if vboard.setting("KEPT") else None
)  # while host files are visible


class RTC:
    """The real-time clock, and its memory."""

    _memory = b""

    def memory(self, data=None):
        """The bytes that a reset keeps, got or set; as on an ESP32."""
        if data is None:
            if _kept:
                _kept.seek(0)
                return _kept.read()
            return RTC._memory
        if len(data) > _RTC_BYTES:
            raise ValueError("buffer too long")
        vboard.check(False)
        if _kept:
            _kept.seek(0)
            _kept.write(data)
        else:
            RTC._memory = bytes(data)
        return None

    def datetime(self, parts=None):
        """(year, month, day, weekday, hour, minute, second, subseconds), got or set; UTC."""
        if parts is None:
            now = time.gmtime()
            return (now[0], now[1], now[2], now[6], now[3], now[4], now[5], 0)
        time._set(time.mktime(parts[:3] + parts[4:]))
        return None


_pins = open(vboard.setting("PINS"), "rb") if vboard.setting("PINS") else None  # as above
_LIGHT = "LED"  # as on a Pico W, where it is on the Wi-Fi chip
_COUNT = 40 if _ESP32 else 30
_SLOW_MS = 440  # measured with MicroPython 1.28 in an emulator


class Pin:
    """A pin, as on a board one object for each: an input reads 0 if in PIN_LOW, otherwise its pull (default
    high); an output, its level. The light of a Pico W blocks at first use, until its chip has started.
    """

    IN = 0
    OUT = 1
    PULL_UP = 1
    PULL_DOWN = 2

    _all = {}

    def __new__(cls, id, *args, **options):
        name = str(id)
        number = name[2:] if name[:2] == "GP" and not _ESP32 else name
        if name != _LIGHT and not (number.isdigit() and int(number) < _COUNT):
            raise ValueError("invalid pin")
        if name not in cls._all:
            cls._all[name] = object.__new__(cls)
        return cls._all[name]

    def __init__(self, id, mode=IN, pull=None, value=None):
        if not hasattr(self, "_id"):
            self._id, self._level = str(id), 0
            if self._id == _LIGHT and not _ESP32 and not vboard.has_radio:
                vboard.has_radio = True
                time.sleep_ms(_SLOW_MS)
        self.init(mode, pull, value)

    def __repr__(self):
        what = "" if _ESP32 else ", mode=%d, pull=%s" % (self._mode, self._pull)
        return "Pin(%s%s)" % (self._id, what)

    def init(self, mode=IN, pull=None, value=None):
        """Set mode, pull and level."""
        self._mode, self._pull = mode, pull
        if value is not None:
            self.value(value)

    def value(self, value=None):
        """Get or set."""
        if value is not None:
            self._set(int(bool(value)))
            return None
        if self._mode == self.OUT:
            return self._level
        return int(self._pull != self.PULL_DOWN and not self._is_low())

    __call__ = value

    def _is_low(self):
        low = vboard.setting("PIN_LOW", "")
        if _pins:
            _pins.seek(0)
            low = _pins.read().decode().strip()
        return self._id in low.split(",")

    def _set(self, level):
        if level != self._level and self._id in vboard.setting("SHOW_PINS", "").split(","):
            print("virtual board: pin %s is %s" % (self._id, "high" if level else "low"))
        self._level = level

    def on(self):
        """High."""
        self._set(1)

    def off(self):
        """Low."""
        self._set(0)

    def toggle(self):
        """Invert the level."""
        self._set(self._level ^ 1)
