"""The contents of each board's image.

`services`: names of files in lib/device/services, or ALL of them. Each service's own file declares
its needs and where its switch is. `omit`: patterns of files below lib/ that this board does not use (and no
remaining file needs).

A board's facts come from boards/<name>/board.py; an image contains only its own board's, in device/_build.
A package's empty __init__.py is left out, because MicroPython does not need it.
"""

ALL = "all"

PROFILES = {
    "esp32": {"services": ALL, "omit": ()},
    "pico_w": {"services": ALL, "omit": ()},
    "virtual": {"services": ALL, "omit": ()},
}
