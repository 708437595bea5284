"""What to freeze into a custom firmware: the device package, and our umqtt instead of the port's.

    make -C ports/rp2 BOARD=RPI_PICO_W FROZEN_MANIFEST=<checkout>/firmware/manifest.py
    make -C ports/esp32 BOARD=ESP32_GENERIC FROZEN_MANIFEST=<checkout>/firmware/manifest.py

Optional: stock firmware with the image made by `muster image` needs none of this. boot.py and main.py are
not frozen, because a frozen one cannot be replaced on the board. Run `python -m muster.umqtt` first.
umqtt is frozen without optimisation: it checks the server's packets with assert.
"""

include("$(PORT_DIR)/boards/manifest.py")  # noqa: F821
package("device", base_path="../lib", opt=1)  # noqa: F821
package("umqtt", base_path="../build/umqtt")  # noqa: F821
module("pack.py", base_path="../lib", opt=1)  # noqa: F821  (boot.py imports it; it finds no pack)
