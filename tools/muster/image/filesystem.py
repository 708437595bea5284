"""A board's file system as bytes: built, read and checked with littlefs-python."""

from collections.abc import Mapping

from littlefs import LittleFS, LittleFSError, UserContext

from muster.boards import Board, board, flashed
from muster.errors import WRONG_USE, MusterError

# The smallest cache of the boards' firmware (ESP32): a file kept inside its directory entry must fit it.
_INLINE_MAX = 128
_NO_SPACE = -28
_NAME_BYTES = 255  # LFS_NAME_MAX, in the boards' firmware too


def _file_system(facts: Board, context: UserContext) -> LittleFS:
    """Neither mounted nor formatted: left to itself the library formats what it cannot mount."""
    return LittleFS(
        context=context,
        mount=False,
        block_size=facts.block_size,
        block_count=facts.block_count,
        read_size=facts.prog_size,
        prog_size=facts.prog_size,
        cache_size=facts.block_size,
        lookahead_size=32,
        inline_max=_INLINE_MAX,
    )


def path_fault(path: str) -> str | None:
    """Why `path` cannot be that of a file on a board's flash, as the end of a sentence; None if it can."""
    if not path.startswith("/"):
        return "must be absolute: begin it with /"
    for part in path.split("/")[1:]:
        if part in ("", ".", ".."):
            return f"must be plain: it has the part {part!r}"
        if not part.isprintable():
            return "has a character that cannot be printed"
        if len(part.encode(errors="replace")) > _NAME_BYTES:
            return f"has a name of more than {_NAME_BYTES} bytes"
    return None


def build_image(files: Mapping[str, bytes], board_name: str) -> bytes:
    """The flash file system of a board: `files` {absolute path: content}, nothing else.

    The same files give the same bytes: they are written in order, without times or attributes.
    Raises MusterError when they do not fit, saying which file was too much and how much is there, and when
    a path cannot be a file's.
    """
    facts = board(board_name)
    _check_paths(files)
    context = UserContext(buffer=bytearray(b"\xff") * facts.size)
    file_system = _file_system(facts, context)
    file_system.format()
    file_system.mount()
    for path in sorted(files):
        try:
            folder = path.rpartition("/")[0]
            if folder:
                file_system.makedirs(folder, exist_ok=True)
            with file_system.open(path, "wb") as file:
                file.write(files[path])
        except LittleFSError as error:
            if error.code != _NO_SPACE:
                raise MusterError(
                    f"{path} cannot be written into the image (LittleFS says {error.code}): leave it out."
                ) from None
            raise MusterError(_too_much(path, files, facts)) from None
    file_system.unmount()
    return bytes(context.buffer)


def _check_paths(files: Mapping[str, bytes]) -> None:
    folders = {path[:at]: path for path in files for at, symbol in enumerate(path) if symbol == "/" and at}
    for path in files:
        if fault := path_fault(path):
            raise MusterError(f"the path {path!r} of a file on the flash {fault}.", WRONG_USE)
        if path in folders:
            raise MusterError(
                f"{path} cannot be a file on the flash: it is the folder of {folders[path]}.", WRONG_USE
            )


def _too_much(path: str, files: Mapping[str, bytes], facts: Board) -> str:
    total = sum(len(data) for data in files.values())
    blocks = sum(-(-len(data) // facts.block_size) for data in files.values() if len(data) > _INLINE_MAX)
    largest = max(files, key=lambda name: len(files[name]))
    return (
        f"the files do not fit on the flash of {facts.title}: at {path} it was full. {len(files)} files with "
        f"{total} bytes need about {blocks} blocks beside the directories; there are {facts.block_count} "
        f"blocks of {facts.block_size} bytes. The largest is {largest} ({len(files[largest])} bytes): "
        "leave something out."
    )


def mount(image: bytes, board_name: str | None = None) -> LittleFS:
    """The file system in `image` (a copy of it). Raises MusterError when it is none, or of another size."""
    context = UserContext(buffer=bytearray(image))
    if board_name is None:
        facts = next((one for one in map(board, flashed()) if one.size == len(image)), None)
        if facts is None:
            raise MusterError(
                f"this is not an image of a board: {len(image)} bytes are not the flash size of any board."
            )
    else:
        facts = board(board_name)
    if len(image) != facts.size:
        raise MusterError(
            f"this is not an image of {facts.title}: it has {len(image)} bytes, not {facts.size}."
        )
    file_system = _file_system(facts, context)
    try:
        file_system.mount()
    except LittleFSError:
        raise MusterError(
            "the image has no readable file system: it is damaged, or of another board."
        ) from None
    return file_system


def read_image(image: bytes, board_name: str | None = None) -> dict[str, bytes]:
    """{absolute path: content} of every file in `image`, in order. Raises MusterError as `mount` does."""
    file_system = mount(image, board_name)
    found = {}
    try:
        for folder, _, names in file_system.walk("/"):
            for name in names:
                path = f"{folder.rstrip('/')}/{name}"
                with file_system.open(path, "rb") as file:
                    found[path] = file.read()
    except LittleFSError:
        raise MusterError("the file system in the image is damaged: not every file can be read.") from None
    return dict(sorted(found.items()))


def verify(image: bytes, files: Mapping[str, bytes], board_name: str) -> None:
    """Mount `image` and compare it with `files`. Raises MusterError on the first difference."""
    found = read_image(image, board_name)
    if found != dict(files):
        different = sorted(path for path in found.keys() | set(files) if found.get(path) != files.get(path))
        raise MusterError(f"the finished image does not hold what was put in: {different[0]} differs.")
