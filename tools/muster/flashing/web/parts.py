"""What the page is made of: our files, the style of the twin's page, and esptool-js as it is published."""

from pathlib import Path

import muster

_HERE = Path(__file__).parent
_PAGE = _HERE / "page"
_COLOURS = Path(muster.__file__).parent / "twin" / "https" / "people" / "pages" / "style.css"

ESPTOOL_JS = _HERE / "vendor" / "esptool-js-0.7.0"
ESPTOOL_JS_SHA256 = {
    "bundle.js": "00ebe6fb0b202976d3e2a3c6b9a6bd438c26a81d2af6739c95ac276a64c1a84e",
    "LICENSE": "1c25f29242785d63e9adb0be7fdc137551dfbbc0756b622fcd26d9cd7de3a4f3",
}

INDEX = "index.html"
_SOURCES = {
    INDEX: (_PAGE / INDEX,),
    "flasher.js": (_PAGE / "flasher.js",),
    "memory.js": (_PAGE / "memory.js",),
    "esp.js": (_PAGE / "esp.js",),
    "style.css": (_COLOURS, _PAGE / "flasher.css"),
    "esptool-js.js": (ESPTOOL_JS / "bundle.js",),
    "esptool-js.LICENSE": (ESPTOOL_JS / "LICENSE",),
}
NAMES = frozenset(_SOURCES)


def page() -> dict[str, bytes]:
    """{name in the folder: content} of everything but the images and the manifest."""
    return {name: b"".join(path.read_bytes() for path in paths) for name, paths in _SOURCES.items()}
