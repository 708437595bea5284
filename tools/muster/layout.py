"""Where things are in a checkout: the one home of every host path."""

from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
BOOT = REPO / "boot.py"
MAIN = REPO / "main.py"
LIB = REPO / "lib"
FIRMWARE = REPO / "firmware"
VIRTUAL_BOARD = FIRMWARE / "boards" / "virtual"

BUILD = REPO / "build"
UMQTT = BUILD / "umqtt"  # umqtt.simple as published, checked by hash
MICROPYTHON_32 = BUILD / "micropython32"  # the 32-bit interpreter, unpacked privately
MPY = BUILD / "mpy"  # compiled device files
