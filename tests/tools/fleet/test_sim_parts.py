"""The parts of the simulated fleet: flash, TLS from memory, waits, limits, percentiles."""

import asyncio
import ssl
from pathlib import Path

import pytest

from device.core import paths, slots
from device.core.failures import AGAIN, GIVE_UP, Failure
from muster.errors import MusterError
from muster.fleet.sim import board, fleet, own_twin, tls
from muster.fleet.sim import run as runs
from muster.fleet.sim.flash import SIZE_BYTES, Flash
from muster.fleet.sim.report import Report, percentile
from muster.twin.home import prepare
from muster.twin.settings import Home
from tools.twin.helpers import quick


def test_waits_are_the_cores_back_off() -> None:
    device = fleet.numbered(fleet.Cloud("localhost", 1, {}), 1)[0]

    async def waits() -> list[float | None]:
        contexts = tls.Contexts(b"")
        one = board.Board(device.name, device.files, contexts, Report(1).took, board.FIRST_RETRY_MS)
        again = [one.retry_s(Failure(AGAIN, "")) for _ in range(3)]
        return [*again, one.retry_s(Failure(GIVE_UP, ""))]

    first, second, third, last = asyncio.run(waits())
    assert 1 <= first < 2 and 1 <= second < 3 and 1 <= third < 5
    assert last is None


def test_too_many_connections_for_the_system_are_refused_before_anything_is_done(monkeypatch) -> None:
    monkeypatch.setattr(runs.resource, "getrlimit", lambda _: (64, 256))
    with pytest.raises(MusterError, match="--parallel"):
        runs._allow_files(500)
    changed: list[tuple] = []
    monkeypatch.setattr(runs.resource, "setrlimit", lambda _, limits: changed.append(limits))
    runs._allow_files(100)
    assert changed == [(164, 256)]


def test_the_own_twin_throttles_nothing(tmp_path, monkeypatch) -> None:
    """A fleet is to be as fast as it can; a twin throttles by default, as AWS does."""
    started: list[str] = []

    async def start(*words: str, **_: object) -> None:
        started.extend(words)
        raise NotImplementedError

    async def enter() -> None:
        async with own_twin.own_twin(tmp_path):
            raise AssertionError("it was not started")

    monkeypatch.setattr(own_twin.asyncio, "create_subprocess_exec", start)
    with pytest.raises(NotImplementedError):
        asyncio.run(enter())
    assert "--no-throttle" in started


def test_percentiles_are_nearest_rank() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, part) for part in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile([7.0], 50) == percentile([7.0], 99) == 7.0


def test_flash_moves_and_removes_whole_directories() -> None:
    flash = Flash({"/a/1": b"1", "/a/b/2": b"2", "/ab": b"3"})
    assert flash.exists("/a") and not flash.exists("/a/1/x")
    flash.apply([(slots.RENAME, "/a", "/c")])
    assert flash.files == {"/c/1": b"1", "/c/b/2": b"2", "/ab": b"3"}
    flash.copy("/c/1", "/d/3")
    assert flash.read("/d/3") == b"1"
    flash.apply([(slots.REMOVE, "/c"), (slots.REMOVE, "/d"), (slots.REMOVE, "/nothing")])
    assert flash.has_room(SIZE_BYTES - 1) and not flash.has_room(SIZE_BYTES)
    assert flash.files == {"/ab": b"3"} and flash.read("/c/1") is None and flash.read_slot("/c") is None


def test_digests_are_those_of_the_whole_slot() -> None:
    flash = Flash({f"{paths.TRIAL}/{name}": name.encode() for name in slots.FILES[:2]})
    found = flash.digests(paths.TRIAL)
    assert found == {**{name: slots.digest(name.encode()) for name in slots.FILES[:2]}, slots.FILES[2]: None}
    assert set(flash.digests(paths.CERT).values()) == {None}


@pytest.mark.parametrize("has_memory_files", [True, False])
def test_keys_leave_no_file_behind(tmp_path, monkeypatch, has_memory_files) -> None:
    prepare(tmp_path, quick())
    home = Home(tmp_path)
    root_ca = home.ca_pem.read_bytes()
    if not has_memory_files:
        monkeypatch.delattr(tls.os, "memfd_create")
    seen: list[Path] = []
    load = ssl.SSLContext.load_cert_chain

    def watched(self, path, *more):
        seen.append(Path(path))
        assert has_memory_files or (Path(path).stat().st_mode & 0o777) == 0o600
        return load(self, path, *more)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watched)
    tls.context(
        root_ca,
        (home.claim_dir / paths.CERTIFICATE).read_bytes(),
        (home.claim_dir / paths.PRIVATE_KEY).read_bytes(),
    )
    assert len(seen) == 1 and not seen[0].exists()
    with pytest.raises(Failure) as caught:
        tls.context(root_ca, b"no certificate", b"no key")
    assert caught.value.kind == GIVE_UP
