"""The program of a board as files of its flash: boot.py, main.py, the web page, and the modules, compiled."""

import functools

from device.core import paths
from muster import mpy, pack, page
from muster.boards import STANDARD, Selection, profile
from muster.errors import MusterError
from muster.layout import BOOT, MAIN


@functools.lru_cache(maxsize=8)
def _code(board_name: str, build_time: int, selection: Selection) -> dict[str, bytes]:
    contents = profile(board_name, selection=selection)
    return mpy.compiled(contents, build_time) | frozen_files(board_name, selection)


def frozen_files(board_name: str, selection: Selection = STANDARD) -> dict[str, bytes]:
    """{path on flash: content} of what is beside the modules: boot.py, main.py and the page.

    It is the whole program on the flash of a board that has the modules frozen into its firmware.
    """
    files = {}
    if mpy.has_web(profile(board_name, selection=selection)):
        files[paths.PAGE] = page.built()
    for source, path in ((BOOT, paths.BOOT), (MAIN, paths.MAIN)):
        try:
            files[path] = source.read_bytes()
        except OSError as error:
            raise MusterError(
                f"{source} cannot be read ({error.strerror}): fetch or install Muster again."
            ) from None
    return files


def forget_code() -> None:
    """The next call compiles anew: the sources have changed."""
    _code.cache_clear()


def code_files(
    board_name: str, build_time: int | None = None, selection: Selection = STANDARD
) -> dict[str, bytes]:
    """{path on flash: content} of the whole program: boot.py, main.py, the page, the pack of all modules.

    `build_time`: Unix seconds that the board's clock never goes below; the last commit's by default.
    """
    return pack.packed(single_files(board_name, build_time, selection))


def single_files(
    board_name: str, build_time: int | None = None, selection: Selection = STANDARD
) -> dict[str, bytes]:
    """As `code_files`, with each module by itself."""
    build_time = mpy.default_build_time() if build_time is None else build_time
    return dict(_code(board_name, build_time, selection))
