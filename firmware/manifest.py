"""What to freeze into a custom firmware: the program of a build profile, and our umqtt instead of the port's.

    .venv/bin/python -m muster.frozen pico_w
    MUSTER_BOARD=pico_w make -C ports/rp2 BOARD=RPI_PICO_W FROZEN_MANIFEST=<checkout>/firmware/manifest.py
    MUSTER_BOARD=esp32 make -C ports/esp32 BOARD=ESP32_GENERIC FROZEN_MANIFEST=<checkout>/firmware/manifest.py

Optional: stock firmware with the image made by `muster image` needs none of this. The first command, once for
each board (esp32 for the last line), puts what the board is told of itself, the names of its services
included, and the published packages into build/frozen/<board>; profiles.py says which modules belong to these
services. boot.py and main.py are not frozen, because a frozen one cannot be replaced on the board.
Published packages are frozen without optimisation: umqtt checks the server's packets with assert.
"""

import os  # MicroPython's build executes this file in its own folder

_folder = os.path.join("..", "build", "frozen", os.environ.get("MUSTER_BOARD", "no-board"))
_facts = os.path.join("device", "_build.py")
if not os.path.exists(os.path.join(_folder, _facts)):
    raise ValueError("set MUSTER_BOARD, and run `python -m muster.frozen BOARD` in Muster's folder first")


def _executed(path):
    names = {}
    with open(path, encoding="utf-8") as source:
        exec(source.read(), names)
    return names


_services = [service[0] for service in _executed(os.path.join(_folder, _facts))["SERVICES"]]
_modules = _executed("profiles.py")["modules"]("../lib", _services, ["../boot.py", "../main.py"])

include("$(PORT_DIR)/boards/manifest.py")  # noqa: F821
package("", files=_modules, base_path="../lib", opt=1)  # noqa: F821
package("", files=[_facts], base_path=_folder, opt=1)  # noqa: F821
for _name in sorted(os.listdir(_folder)):
    if _name.endswith(".py"):
        module(_name, base_path=_folder)  # noqa: F821
    elif _name != "device":
        package(_name, base_path=_folder)  # noqa: F821
