"""The page of the web service: one file without links to others, made of lib/device/web/page.

Script and style are put into index.html and named in its Content-Security-Policy by their hashes, so a
browser runs nothing else. The result depends on the sources only: images stay the same, byte for byte.
"""

import base64
import gzip
import hashlib
import io
import re
from pathlib import Path

from muster.layout import LIB

SOURCES = LIB / "device" / "web" / "page"
LIMIT = 12 * 1024  # bytes of the gzipped page: what a Pico W's flash and a slow network have for it
_SCRIPTS = ("qr.js", "script.js")  # in this order


def _read(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def _script(text: str) -> str:
    """`text` without indentation, comments and empty lines. Its line ends stay: they may end statements."""
    lines = (re.sub(r"\s+// .*$", "", line).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def _style(text: str) -> str:
    """`text` without comments and the spaces that mean nothing."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r"\s+", " ", text)).replace(";}", "}").strip()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def html(folder: Path = SOURCES) -> str:
    """The page as browsers see it."""
    script = "\n".join(_script(_read(folder, name)) for name in _SCRIPTS)
    style = _style(_read(folder, "style.css"))
    page = re.sub(r"<!-- .*? -->\n", "", _read(folder, "index.html"), flags=re.DOTALL)
    for mark, text in (
        ("'SCRIPT'", f"'{_hash(script)}'"),
        ("'STYLE'", f"'{_hash(style)}'"),
        ("/* style.css */", style),
        ("/* script.js */", script),
    ):
        assert page.count(mark) == 1, mark
        page = page.replace(mark, text)
    return page


def built(folder: Path = SOURCES) -> bytes:
    """The page as a board sends it, with `Content-Encoding: gzip`."""
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, packed, mtime=0) as file:
        file.write(html(folder).encode())
    return packed.getvalue()
