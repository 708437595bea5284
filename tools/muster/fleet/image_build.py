"""Flash images of many devices, built side by side, checked, and written where they differ."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

from device.core import paths
from muster import image, workers
from muster.errors import PARTLY_DONE, MusterError
from muster.files import PRIVATE, NoSpaceError, forget_parts, write_private
from muster.fleet import image_index
from muster.fleet.images import Job, Recipe

BUILT = "built"  # written, because there was none or another one
KEPT = "kept"  # the very same bytes were there
IN_USE = "in use"  # the file was booted and holds an identity, which is not thrown away
FAILED = "failed"

_POOL_FROM = 24  # fewer images are built sooner than other processes are started


class Result(NamedTuple):
    """What became of one image. `digest` is its SHA-256; `error` says why it failed.

    `stamps`: of the image and its UF2 file, when they were compared with what belongs into them.
    """

    device: str
    path: Path
    state: str
    digest: str = ""
    error: str = ""
    stamps: tuple[image_index.Stamp | None, image_index.Stamp | None] = (None, None)


def build(job: Job, recipe: Recipe) -> Result:
    """Build one image, check it by mounting it, and write it unless the same bytes are there already.

    An image that was booted and holds an identity is left alone: its key may be all there is of it.
    Raises NoSpaceError when the disk is full; what else goes wrong is in the result.
    """
    contents = {**recipe.files, **job.files}
    try:
        content = image.build_image(contents, recipe.board)
        image.verify(content, contents, recipe.board)
        digest = hashlib.sha256(content).hexdigest()
        of_image, state = _settled(job.path, content), KEPT
        if of_image is None:
            if _holds_identity(job.path, recipe.board):
                return Result(job.device, job.path, IN_USE, digest)
            of_image, state = _written(job.path, content), BUILT
        of_uf2 = None
        if recipe.uf2:
            beside, blocks = job.path.with_suffix(".uf2"), image.to_uf2(content, recipe.board)
            of_uf2 = _settled(beside, blocks) or _written(beside, blocks)
    except NoSpaceError:
        raise
    except MusterError as error:
        return Result(job.device, job.path, FAILED, error=str(error))
    return Result(job.device, job.path, state, digest, stamps=(of_image, of_uf2))


def _settled(path: Path, content: bytes) -> image_index.Stamp | None:
    """The stamp of the file at `path` when it holds `content`, readable by its owner alone; else None."""
    try:
        if path.stat().st_mode & 0o777 != PRIVATE:
            path.chmod(PRIVATE)  # whoever copied it here may have opened it to others
        found = image_index.stamp(path)  # before reading: a change after that shows
        return found if path.read_bytes() == content else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MusterError(f"{path} cannot be read ({error.strerror}): move it away.") from None


def _written(path: Path, content: bytes) -> image_index.Stamp | None:
    write_private(path, content)
    return _settled(path, content)


def _holds_identity(path: Path, board_name: str) -> bool:
    try:
        return f"{paths.CERT}/{paths.PRIVATE_KEY}" in image.read_image(path.read_bytes(), board_name)
    except (OSError, MusterError):
        return False  # none, half of an image, or something else: it is replaced


def build_all(
    work: Sequence[Job],
    recipe: Recipe,
    *,
    processes: int | None = None,
    on_result: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """Build all images, several at a time; the results in the order of `work`.

    Images that are certainly right already (see image_index) are not built again. `on_result` is called as
    each is done. Raises MusterError (PARTLY_DONE) when a process was killed from outside, NoSpaceError at
    the first file for which the disk has no room; whatever stops it, images are whole or absent, and the same
    call continues where it stopped.
    """
    indexes = {folder: image_index.Index(folder) for folder in {job.path.parent for job in work}}
    for folder in indexes:
        forget_parts(folder)
    common = image_index.digests(recipe.files)
    inputs = {
        job.device: image_index.fingerprint({**common, **image_index.digests(job.files)}, recipe.board)
        for job in work
    }
    results = {}
    stream = _results(work, recipe, processes, indexes, inputs)
    try:
        with contextlib.closing(stream):  # whatever stops the loop, the processes end with it
            for result in stream:
                results[result.device] = result
                _note(indexes[result.path.parent], result, inputs[result.device])
                on_result(result)
    finally:
        for index in indexes.values():
            index.save()
    return [results[job.device] for job in work]


def _results(
    work: Sequence[Job],
    recipe: Recipe,
    processes: int | None,
    indexes: Mapping[Path, image_index.Index],
    inputs: Mapping[str, str],
) -> Generator[Result, None, None]:
    """Those that are right already, then the others as they are built."""
    todo = []
    for job in work:
        entry = indexes[job.path.parent].find(job.path, inputs[job.device], recipe.uf2)
        if entry is None:
            todo.append(job)
        else:
            yield Result(job.device, job.path, KEPT, entry.digest)
    count = min(processes or processors(), len(todo))
    if count > 1 and len(todo) >= _POOL_FROM:
        yield from _parallel(todo, recipe, count)
    else:
        yield from (build(job, recipe) for job in todo)


def _note(index: image_index.Index, result: Result, inputs: str) -> None:
    of_image, of_uf2 = result.stamps
    if of_image is not None:
        index.note(result.path, image_index.Entry(inputs, result.digest, of_image, of_uf2))


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_recipe: Recipe | None = None  # of a worker process, so that it is sent once and not with each image


def _start_worker(recipe: Recipe) -> None:
    global _recipe
    _recipe = recipe
    workers.serve_parent()


def _work(job: Job) -> Result:
    assert _recipe is not None
    return build(job, _recipe)


def _parallel(work: Sequence[Job], recipe: Recipe, count: int) -> Generator[Result, None, None]:
    pool = ProcessPoolExecutor(count, workers.context(__name__), _start_worker, (recipe,))
    try:
        futures: list[Future[Result]] = [pool.submit(_work, job) for job in work]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool:
        raise MusterError(
            "a process that built images was killed (was there too little memory?)",
            PARTLY_DONE,
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
