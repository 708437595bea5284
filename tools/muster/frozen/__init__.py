"""A firmware of one's own: MicroPython, built with the program frozen in (docs/boards.md)."""
