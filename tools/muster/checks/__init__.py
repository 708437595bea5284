"""Checks of this repository itself, for `make check`: `python -m muster.checks.size`, `...docs`."""
