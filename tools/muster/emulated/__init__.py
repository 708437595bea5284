"""A Pico W in the emulator rp2040py, with real MicroPython firmware: no board, but the real program on it.

What differs from a board: about one cycle an instruction and no cache misses of the flash (a board is
slower), pages of the flash are never torn, the radio joins in 0.8 s, the first join after a reset by the
watchdog fails once. It has about half the speed of a board; while it idles it keeps pace with the clock on
the wall, since the servers that it waits for live by that.

rp2040py is not in every installation (`make emulator`): import this package's modules late.
"""
