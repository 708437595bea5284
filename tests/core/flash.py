"""A model of the flash: the methods of the store port over a dict, with cuts and errors at every change.

What one step of LittleFS does (make a directory, close a file, rename, remove one file) is one change: whole
or not at all. Power is cut after a given number of changes; a cut before a change is the one after the change
before it. A write is several changes: the old file stays beside a part, then the whole of a `.new` one.
"""

from device.core import paths, slots
from device.core.failures import GIVE_UP, Failure


class PowerCut(Exception):
    """The board is off; flash and cloud stay as they are."""


class Flash:
    """Files and directories by their paths. `changed()` is called after each change."""

    def __init__(self, changed=None):
        self.files = {}
        self.directories = {""}
        self.changes = 0  # of flash and cloud, since `cut_after` or `fail_at` was called
        self._changed = changed
        self._cut_after = None
        self._fail_at = None
        self.failed = False  # whether it came to that

    def cut_after(self, changes):
        """Cut the power once so many changes are made; None: no cut."""
        self.changes = 0
        self._cut_after = changes

    def fail_at(self, change):
        """Let the first change of the flash fail that comes after so many others; None: all work."""
        self.changes = 0
        self._fail_at = change
        self.failed = False

    def power(self):
        """Whoever is about to change something, or is asked to, needs power."""
        if self._cut_after is not None and self.changes >= self._cut_after:
            raise PowerCut

    def change(self, function, *args):
        """Make one change, on the flash or in the cloud."""
        self.power()
        self.changes += 1
        result = function(*args)
        if self._changed:
            self._changed()
        return result

    def _flash(self, function, *args):
        """Make one change of the flash, which may fail."""
        if self._fail_at is not None and self.changes >= self._fail_at:
            self._fail_at = None
            self.failed = True
            raise Failure(GIVE_UP, "the flash cannot be written")
        self.change(function, *args)

    # The store port (core/ports.py), as device.port.store does it

    def read(self, path, limit=16384):
        content = self.files.get(path)
        if content is not None and len(content) > limit:
            raise Failure(GIVE_UP, f"{path} has {len(content)} bytes; the limit is {limit}")
        return content

    def write(self, path, content):
        assert isinstance(content, bytes)
        self._make_directory(path[: path.rindex("/")])
        try:
            self._flash(self._put, path + paths.NEW, content[: len(content) // 2])
            self._flash(self._put, path + paths.NEW, content)
            self._flash(self._rename, path + paths.NEW, path)
        except Failure:
            self.remove(path + paths.NEW)
            raise

    def append(self, path, pieces):
        self._make_directory(path[: path.rindex("/")])
        before = self.files.get(path, b"")
        after = before + b"".join(pieces)
        self._flash(self._put, path, after)
        return len(before), len(after)

    def read_at(self, path, offset, size):
        return self.files.get(path, b"")[offset : offset + size]

    def sizes(self, path):
        return {name: len(self.files[path + "/" + name]) for name in self.names(path)}

    def copy(self, source, target):
        self.write(target, self.read(source))

    def exists(self, path):
        return path in self.files or path in self.directories

    def has_room(self, size):
        return True

    def space(self):
        return 1000000, 1000000

    def remove(self, path):
        if path in self.files:
            self._flash(self.files.pop, path)
        elif path in self.directories:
            for name in self.names(path):
                self.remove(path + "/" + name)
            self._flash(self.directories.remove, path)

    def read_slot(self, path):
        if path not in self.directories:
            return None
        return {name: self.read(path + "/" + name) for name in slots.FILES + (paths.IDENTITY,)}

    def digests(self, path):
        return slots.digests(self.read_slot(path) or {})

    def apply(self, operations):
        for operation in operations:
            if operation[0] == slots.REMOVE:
                self.remove(operation[1])
                continue
            assert operation[0] == slots.RENAME
            if self.exists(operation[1]):
                self._make_directory(operation[2][: operation[2].rindex("/")])
                self._flash(self._rename, operation[1], operation[2])

    def tidy(self):
        for directory in (paths.BASE, paths.TRIAL):
            for name in self.names(directory):
                if name.endswith(paths.NEW):
                    self.remove(directory + "/" + name)

    # What the methods above and the tests need

    def names(self, directory):
        """The names in a directory, as `os.listdir` gives them; none when it is not there."""
        head = directory + "/"
        paths_there = list(self.files) + list(self.directories)
        found = [path[len(head) :] for path in paths_there if path.startswith(head)]
        return sorted(name for name in found if "/" not in name)

    def kept(self):
        """The files of each identity that was put aside."""
        return [self.read_slot(paths.KEPT + "/" + name) for name in self.names(paths.KEPT)]

    def _put(self, path, content):
        self.files[path] = content

    def _make_directory(self, path):
        for end in range(1, len(path) + 1):
            if (end == len(path) or path[end] == "/") and path[:end] not in self.directories:
                self._flash(self.directories.add, path[:end])

    def _rename(self, source, target):
        if source in self.files:
            self.files[target] = self.files.pop(source)
            return
        assert not self.names(target), "a directory is only renamed to a free name: " + target
        self.directories.discard(target)
        for group in (self.files, self.directories):
            for path in list(group):
                if path == source or path.startswith(source + "/"):
                    _move(group, path, target + path[len(source) :])


def _move(group, path, target):
    if isinstance(group, dict):
        group[target] = group.pop(path)
    else:
        group.remove(path)
        group.add(target)
