"""The service that keeps the log on flash, after a write that failed."""

from types import SimpleNamespace

from device.core import paths
from device.services.log import Log


class _Store:
    """Files in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def read_at(self, path: str, offset: int, size: int) -> bytes:
        return self.files.get(path, b"")[offset : offset + size]

    def append(self, path: str, pieces: tuple[bytes, ...]) -> tuple[int, int]:
        before = len(self.files.get(path, b""))
        self.files[path] = self.files.get(path, b"") + b"".join(pieces)
        return before, len(self.files[path])

    def write(self, path: str, data: bytes) -> None:
        self.files[path] = data


def test_started_again_it_goes_on_in_the_file_that_is_there() -> None:
    newest = b"# 8 1000\n" + b"1 +5ms info app said\n"
    store = _Store({paths.LOG_FILES[0]: newest, paths.LOG_FILES[1]: b"# 7 500\n"})
    log = SimpleNamespace(earlier=1, last=lambda: 1)
    service = Log("log", SimpleNamespace(ports=SimpleNamespace(store=store), log=log))
    service._open()
    service._number, service._place = 9, 1  # the next file was about to be written, and the flash was full
    service._open()
    assert service.written_bytes == 1000 + len(newest), "counted once"
    service._write(b"2 +6ms info app said\n", 4096)
    assert (
        store.files[paths.LOG_FILES[0]].startswith(newest) and store.files[paths.LOG_FILES[1]] == b"# 7 500\n"
    )
