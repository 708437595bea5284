"""What goes into the image of each board.

`services`: names of files in lib/device/services, or ALL of them. What a service needs and where its switch
stands is said in its own file. `omit`: patterns of files below lib/ that this board has no use for (never
needed by what stays).

A board's facts come from boards/<name>/board.py: an image holds those of its own board and no other's, in
device/_build. The empty __init__.py of a package is left out, because MicroPython does not ask for it.
"""

ALL = "all"

PROFILES = {
    "esp32": {"services": ALL, "omit": ()},
    "pico_w": {"services": ALL, "omit": ()},
    "virtual": {"services": ALL, "omit": ()},
}
