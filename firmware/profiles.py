"""What goes into the image of each board.

`services`: names of files in lib/device/services, or ALL of them.
`omit`: patterns of files below lib/ that this board has no use for (never needed by what stays).
"""

ALL = "all"

PROFILES = {
    "esp32": {"services": ALL, "omit": ()},
    "pico_w": {"services": ALL, "omit": ()},
    "virtual": {"services": ALL, "omit": ()},
}
