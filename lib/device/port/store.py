"""Files on the flash. Relies on LittleFS: closing a file and renaming are atomic."""

import os

from device.core import paths
from device.core.failures import AGAIN, GIVE_UP, Failure

_DIRECTORY = 0x4000
_MAX_BYTES = 16384
_ENOSPC = 28


def _failure(error, path):
    """The Failure for an OSError at `path`; made here, because a failing flash cannot load modules."""
    number = error.errno
    if number in (_ENOSPC, -_ENOSPC):
        return Failure(GIVE_UP, "flash is full at %s" % path, "delete files you do not need")
    return Failure(AGAIN, "flash error %s at %s" % (number, path))


def read(path, limit=_MAX_BYTES):
    """The content of `path` as bytes, or None when there is no such file.

    Raises Failure when the file is larger than `limit` or the flash fails.
    """
    try:
        size = os.stat(path)[6]
    except OSError:
        return None
    if size > limit:
        raise Failure(GIVE_UP, "%s has %d bytes; the limit is %d" % (path, size, limit), "make it smaller")
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise _failure(error, path)


def write(path, content):
    """Replace the file at `path` by `content` atomically."""
    try:
        _make_directory(path[: path.rindex("/")])
        with open(path + paths.NEW, "wb") as file:
            file.write(content)
        os.rename(path + paths.NEW, path)
    except OSError as error:
        try:
            _remove(path + paths.NEW)  # a partial file takes space that is needed
        except OSError:
            pass  # `tidy` removes it at the next boot
        raise _failure(error, path)


class part:
    """A file written piece by piece, which takes the place of the one at `path` once it is `done`."""

    def __init__(self, path):
        self._path = path
        try:
            _make_directory(path[: path.rindex("/")])
            self._file = open(path + paths.NEW, "wb")
        except OSError as error:
            raise _failure(error, path)

    def write(self, data):
        """Add bytes; raises Failure."""
        try:
            self._file.write(data)
        except OSError as error:
            raise _failure(error, self._path)

    def done(self):
        """Put the file into its place; raises Failure."""
        try:
            self._file.close()
            os.rename(self._path + paths.NEW, self._path)
        except OSError as error:
            self.drop()
            raise _failure(error, self._path)

    def drop(self):
        """Remove what was written."""
        try:
            self._file.close()
        except OSError:
            pass  # LittleFS has closed it all the same
        try:
            _remove(self._path + paths.NEW)
        except OSError:
            pass  # a later file of this name replaces it


def append(path, pieces):
    """Append `pieces` (bytes, one after the other) to the file at `path`; return (size before, size after).

    A power cut leaves all of them or none. After a Failure the file may have some.
    """
    try:
        _make_directory(path[: path.rindex("/")])
        with open(path, "ab") as file:
            size = file.seek(0, 2)
            end = size
            for piece in pieces:
                end += file.write(piece)
        return size, end
    except OSError as error:
        raise _failure(error, path)


def read_at(path, offset, size):
    """At most `size` bytes from `offset` of the file at `path`; less at its end, none without a file."""
    if not exists(path):
        return b""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(size)
    except OSError as error:
        raise _failure(error, path)


def sizes(path):
    """{name: bytes} of the files in the directory at `path`; {} when there is none."""
    if not exists(path):
        return {}
    try:
        return {entry[0]: entry[3] for entry in os.ilistdir(path) if not entry[1] & _DIRECTORY}
    except OSError as error:
        raise _failure(error, path)


def copy(source, target):
    """Replace the file `target` by the content of `source`; raises Failure also when `source` is missing."""
    content = read(source)
    if content is None:
        raise Failure(GIVE_UP, "%s is missing" % source, "copy it there")
    write(target, content)


def exists(path):
    """Whether there is a file or directory at `path`."""
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def has_room(size):
    """Whether a file of `size` bytes could be written."""
    if space()[0] >= size:
        return True
    # LittleFS counts some blocks twice, even down to a negative number free: only writing tells.
    path = paths.BASE + "/room" + paths.NEW
    try:
        with open(path, "wb") as file:
            for _ in range(0, size, 512):
                file.write(bytes(512))
        return True
    except OSError:
        return False
    finally:
        remove(path)


def open_file(path):
    """(the file at `path`, to be read in pieces and closed; its size), or None when there is no such file."""
    try:
        return open(path, "rb"), os.stat(path)[6]
    except OSError:
        return None


def space():
    """(bytes free, bytes in all) of the flash; LittleFS counts some blocks twice, so the first may be < 0."""
    facts = os.statvfs("/")
    free = facts[3] if 0 <= facts[3] <= facts[2] else 0
    return facts[0] * free, facts[1] * facts[2]


def _make_directory(path):
    """Create `path` and its parent directories if missing."""
    for end in range(1, len(path) + 1):
        if (end == len(path) or path[end] == "/") and not exists(path[:end]):
            os.mkdir(path[:end])


def remove(path):
    """Remove a file or a directory tree; it may be missing."""
    try:
        _remove(path)
    except OSError as error:
        raise _failure(error, path)


def _remove(path):
    if not exists(path):
        return
    if os.stat(path)[0] & _DIRECTORY:
        for name in os.listdir(path):
            _remove(path + "/" + name)
        os.rmdir(path)
    else:
        os.remove(path)


def read_slot(path):
    """The files of a slot or of the claim credentials: {name: bytes or None}; None without the directory."""
    if not exists(path):
        return None
    return {name: read(path + "/" + name) for name in paths.CREDENTIALS + (paths.IDENTITY,)}


def digests(path):
    """The digests of the files of a slot: {name: hex}, None for a file that is not there."""
    from device.core import slots

    return slots.digests(read_slot(path) or {})


def apply(operations):
    """Perform file operations from core.slots."""
    from device.core import slots

    try:
        for operation in operations:
            if operation[0] == slots.RENAME:
                if exists(operation[1]):
                    _make_directory(operation[2][: operation[2].rindex("/")])
                    os.rename(operation[1], operation[2])
            else:
                _remove(operation[1])
    except OSError as error:
        raise _failure(error, operations[0][1])


def tidy():
    """Remove partial files left by a power cut."""
    for directory in (paths.BASE, paths.TRIAL):
        if exists(directory):
            for name in os.listdir(directory):
                if name.endswith(paths.NEW):
                    remove(directory + "/" + name)
