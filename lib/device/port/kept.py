"""Finds, once at the start, the log from before a reset, and why the board started. Then unloaded.

ESP32: RTC memory, 2 KB, which only a power-off clears. Pico W: a reset clears nothing of the RAM, and the
next program fills MicroPython's heap from below. So the ring lies at the very top of the heap, and the old
one is looked for before anything is allocated there.
"""

import gc

import machine

from device import _build
from device.core import log, log_format, log_reader

_TIMER_BIT = 1  # of the watchdog's reason: it ran out; the other bit is machine.reset()
_STEP_BYTES = 4096
_SLACK_BYTES = 64
_MOST_HOLES = 8
_RAM_START = 0x20000000


def ring():
    """The ring of this board, with the lines from before the reset if they are still there."""
    if _build.LOG_RAM:
        return log.Ring(_at_the_top(_build.LOG_BYTES, *_build.LOG_RAM))
    buffer = bytearray(_build.LOG_BYTES)
    try:
        memory = machine.RTC().memory
    except AttributeError:
        return log.Ring(buffer)
    old = memory()
    if len(old) == len(buffer):
        buffer[:] = old
    return log.Ring(buffer, memory)


def _at_the_top(size, address, span):
    """A buffer at the top of the heap, with the content of the ring that is found in the RAM below it."""
    import uctypes

    ram = uctypes.bytearray_at(address, span)
    old, number = None, -1
    at = ram.find(log_format.MAGIC)
    while at >= 0:
        if at + size <= span and log_reader.found(ram, at) and log_reader.number(ram, at) > number:
            old, number = bytearray(ram[at : at + size]), log_reader.number(ram, at)
        at = ram.find(log_format.MAGIC, at + 1)
    gc.collect()
    room = gc.mem_free()
    filler = None
    while filler is None and room > 4 * size:
        try:
            filler = bytearray(room)
        except MemoryError:
            room -= _STEP_BYTES
    del filler
    gc.collect()
    filler = bytearray(max(room - size - _SLACK_BYTES, 0))
    buffer, low = bytearray(size), []
    while uctypes.addressof(buffer) < uctypes.addressof(filler) and len(low) < _MOST_HOLES:
        low.append(buffer)  # it lies in a hole below
        buffer = bytearray(size)
    del filler, low
    gc.collect()
    if old:
        buffer[:] = old
    return buffer


def heap_table():
    """(address, bytes) of the table in which MicroPython's heap keeps two bits for each block of 16 bytes.

    None where it is not known. It is found by the fields of the heap's state: table, its length, the
    finalisers' table behind it, begin and end of the blocks.
    """
    if not _build.LOG_RAM:
        return None
    import struct

    import uctypes

    end = sum(_build.LOG_RAM)
    ram = uctypes.bytearray_at(_RAM_START, end - _RAM_START)
    last = struct.pack("<I", end)
    at = ram.find(last, 16)
    while at >= 0:
        table, length, finalisers, first = struct.unpack_from("<4I", ram, at - 16)
        if length <= finalisers - table <= length + 1 and end - first == 64 * length > 0:
            return table, length
        at = ram.find(last, at + 1)
    return None


def cause(is_orderly):
    """Why the board started, of core.log_format. `is_orderly`: the run before ended by its own will."""
    number = machine.reset_cause()
    if number == machine.PWRON_RESET:
        return log_format.POWER_ON
    if is_orderly:
        return log_format.PROGRAM
    if number in (getattr(machine, "SOFT_RESET", None), getattr(machine, "DEEPSLEEP_RESET", None)):
        return log_format.SOFT_RESET
    if number != machine.WDT_RESET:
        return log_format.RESET
    register = _build.WATCHDOG_REASON  # on a Pico W every reset by the program is one of the watchdog, too
    if register is not None and not machine.mem32[register] & _TIMER_BIT:
        return log_format.RESET
    return log_format.WATCHDOG
