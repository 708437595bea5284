"""A board's flash in memory: the store port of the device code, without wear, cuts and block sizes."""

from collections.abc import Iterable, Mapping

from device.core import paths, slots

SIZE_BYTES = 848 * 1024  # as a Pico W's file system


class Flash:
    """Files by their full path. Directories exist while there is a file below them.

    Written for one board; see `device.port.store` for what each method promises.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)

    def read(self, path: str, limit: int = 0) -> bytes | None:
        """The content of `path`, or None when there is no such file."""
        return self.files.get(path)

    def write(self, path: str, content: bytes) -> None:
        """Replace the file at `path`."""
        self.files[path] = bytes(content)

    def copy(self, source: str, target: str) -> None:
        """Replace the file `target` by the content of `source`."""
        self.files[target] = self.files[source]

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory at `path`."""
        return path in self.files or any(self._below(path))

    def free_bytes(self) -> int:
        """Room left."""
        return SIZE_BYTES - sum(len(content) for content in self.files.values())

    def has_room(self, size: int) -> bool:
        """Whether a file of `size` bytes could be written."""
        return self.free_bytes() >= size

    def remove(self, path: str) -> None:
        """Remove a file or a whole directory; nothing there is fine."""
        for name in [path, *self._below(path)]:
            self.files.pop(name, None)

    def read_slot(self, path: str) -> dict[str, bytes | None] | None:
        """The files of a slot or of the claim credentials; None without the directory."""
        if not any(self._below(path)):
            return None
        return {name: self.files.get(f"{path}/{name}") for name in (*slots.FILES, paths.IDENTITY)}

    def digests(self, path: str) -> dict[str, str | None]:
        """The digests of the files of a slot, None for a file that is not there."""
        found: dict[str, str | None] = slots.digests(self.read_slot(path) or {})
        return found

    def apply(self, operations: Iterable[tuple[str, ...]]) -> None:
        """Carry out the file operations that core.slots decided on."""
        for operation in operations:
            if operation[0] == slots.RENAME:
                self._rename(operation[1], operation[2])
            else:
                self.remove(operation[1])

    def tidy(self) -> None:
        """Nothing is ever half-written here."""

    def _rename(self, old: str, new: str) -> None:
        for name in [old, *self._below(old)]:
            if name in self.files:
                self.files[new + name[len(old) :]] = self.files.pop(name)

    def _below(self, path: str) -> list[str]:
        return [name for name in self.files if name.startswith(path + "/")]
