"""What stands in for MicroPython's build: PORT BOARD BUILD FROZEN_MANIFEST, from its port's make.

TEST_BUILD says how it ends: "fails", "hangs", or "forgets" the manifest.
"""

import os
import subprocess
import sys
from pathlib import Path

from boards import firmware_files

MACHINES = {"RPI_PICO_W": "Raspberry Pi Pico W", "ESP32_GENERIC": "Generic ESP32 module"}


def main(port: str, board: str, build: Path, manifest: str) -> None:
    """Make build/firmware.uf2 or .bin with the text of each frozen module."""
    how = os.environ.get("TEST_BUILD", "")
    print("[ 10%] Performing build step for 'tool'\n[100%] Built target tool\n[ 10%] Completed 'tool'")
    print(f"[ 20%] Building C object {os.environ.get('MAKEFLAGS', '')}", flush=True)
    if how == "hangs":
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as compiler:
            Path(os.environ["TEST_PID"]).write_text(str(compiler.pid))
            print("[ 40%] Building C object main.c", flush=True)
            compiler.wait()
    if how == "fails":
        print("main.c:1:10: fatal error: \x1b[31mno.h: No such file\n" + "make: *** waiting\n" * 20)
        sys.exit(2)
    is_new = not build.exists()  # MicroPython's forgets what it is told of a folder that it knows
    build.mkdir(parents=True, exist_ok=True)
    frozen = _frozen(port, board, manifest) if is_new and how != "forgets" else b""
    make = firmware_files.pico if port == "rp2" else firmware_files.esp
    suffix = "uf2" if port == "rp2" else "bin"
    (build / f"firmware.{suffix}").write_bytes(make(MACHINES[board], size=1_000_000, more=frozen))
    print("[100%] Built target firmware")


def _frozen(port: str, board: str, manifest: str) -> bytes:
    top = Path.cwd().parents[1]
    sys.path.insert(0, str(top / "tools"))
    import manifestfile  # type: ignore[import-not-found]

    places = {"MPY_DIR": top, "MPY_LIB_DIR": top / "lib/micropython-lib", "PORT_DIR": top / "ports" / port}
    variables = {name: str(place) for name, place in places.items()}
    found = manifestfile.ManifestFile(manifestfile.MODE_FREEZE, variables)
    found.execute(manifest)
    return b"\0".join(
        one.target_path.encode() + b"\0" + Path(one.full_path).read_bytes() for one in found.files()
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4])
