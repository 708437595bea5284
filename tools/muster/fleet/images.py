"""Flash images of many devices: each with its own name, keys and labels' codes, built side by side.

The program, the claim credentials and the networks are the same on all of them; ento.conf, device.json
and web.json are a device's own. Nothing random and no time goes in: the same registry and the same
options give the same bytes, whoever builds them, in whatever order.
"""

import contextlib
import hashlib
import hmac
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NamedTuple

from device.core import fields, paths
from muster import image
from muster.errors import PARTLY_DONE, MusterError
from muster.fleet import claim_ids, names, secrets
from muster.private_file import forget_parts, write_private
from muster.registry import Registry
from muster.registry.fleet import Device

MADE = "made"  # written, because there was none or another one
KEPT = "kept"  # the very same bytes were there
IN_USE = "in use"  # the file was booted and holds an identity, which is not thrown away
FAILED = "failed"

_POOL_FROM = 24  # fewer images are built sooner than other processes are started
_WEB_PASSWORD = b"muster web password 1"
_WEB_SYMBOLS = 12  # 60 bits


class Recipe(NamedTuple):
    """What all images of one run have in common.

    `files`: {path on flash: content} of program, claim credentials, networks and additions.
    `conf`: ento.conf without a serial.
    `about`, `web`: what device.json and web.json hold beside a device's own values.
    """

    board: str
    files: dict[str, bytes]
    conf: dict[str, Any]
    about: dict[str, Any]
    web: dict[str, Any]
    uf2: bool = False


class Job(NamedTuple):
    """One image: the device's own files, and where the image goes."""

    device: str
    files: dict[str, bytes]
    path: Path


class Result(NamedTuple):
    """What became of one image. `digest` is its SHA-256; `error` says why it failed."""

    device: str
    path: Path
    state: str
    digest: str = ""
    error: str = ""


def web_password(enrolment_key: bytes) -> str:
    """The password of a device's own web page: xxxx-xxxx-xxxx, 60 bits.

    It follows from the enrolment key, so it is stored nowhere on the host and is the same in every image
    and on every label of the device, until the group's secret is made anew.
    """
    number = int.from_bytes(hmac.digest(enrolment_key, _WEB_PASSWORD, hashlib.sha256)[:8], "big")
    text = "".join(claim_ids.ALPHABET[number >> 5 * place & 31] for place in range(_WEB_SYMBOLS)).lower()
    return "-".join(text[at : at + 4] for at in range(0, _WEB_SYMBOLS, 4))


def enrolment_keys(registry: Registry, vault: secrets.Vault, devices: Iterable[Device]) -> dict[str, bytes]:
    """{name of device: its enrolment key}. The groups' secrets stay here."""
    opened: dict[str, str] = {}
    found = {}
    for device in devices:
        if device.group not in opened:
            group = registry.groups.get(device.group)
            if group is None:
                raise MusterError(f"the group {device.group} was deleted meanwhile: run the command again.")
            opened[device.group] = vault.unlock(group.secret)
        found[device.name] = secrets.enrolment_key(opened[device.group], device.name)
    return found


def device_files(device: Device, key: bytes, recipe: Recipe) -> dict[str, bytes]:
    """The device's own files {path on flash: content}; `key` is its enrolment key.

    Raises MusterError, naming the device, when the board would refuse its configuration.
    """
    changes: dict[tuple[str, str], Any] = {
        (fields.DEVICE, fields.SERIAL_ID): device.name,
        (fields.PROVISIONING, fields.ENROLMENT_KEY): key.hex(),
        (fields.PROVISIONING, fields.PARAMETERS): device.parameters or None,
    }
    try:
        conf = image.ento_conf(recipe.conf, changes)
    except MusterError as error:
        raise MusterError(f"{device.name}: {error}") from None
    surplus = set(conf[fields.PROVISIONING].get(fields.PARAMETERS, {})) - set(device.parameters)
    if surplus:
        raise MusterError(
            f"{device.name}: the configuration gives the template parameter {min(surplus)}, which the "
            "registry does not have for this device, so the board would not be admitted: take it out, or "
            "give it to the device."
        )
    documents = {
        paths.CONF: conf,
        paths.DEVICE: {fields.TEST: 0, **recipe.about, fields.CLAIM: claim_ids.shown(device.claim_id)},
        paths.WEB: {**recipe.web, fields.PASSWORD: web_password(key)},
    }
    return {path: image.strict_json(document) for path, document in documents.items()}


def jobs(
    devices: Iterable[Device], enrolment: Mapping[str, bytes], recipe: Recipe, folder: Path
) -> list[Job]:
    """The images of `devices`, one file each in `folder`. `enrolment`: what `enrolment_keys` returned."""
    return [
        Job(
            device.name,
            device_files(device, enrolment[device.name], recipe),
            folder / f"{names.file_name(device.name)}-{recipe.board}.img",
        )
        for device in devices
    ]


def build(job: Job, recipe: Recipe) -> Result:
    """Make one image, check it by mounting it, and write it unless the same bytes are there already.

    An image that was booted and holds an identity is left alone: its key may be all there is of it.
    """
    files = {**recipe.files, **job.files}
    try:
        content = image.build_image(files, recipe.board)
        image.verify(content, files, recipe.board)
        digest = hashlib.sha256(content).hexdigest()
        state = _compare(job.path, content, recipe.board)
        if state == MADE:
            write_private(job.path, content)
        if recipe.uf2 and state != IN_USE:
            _keep_or_write(job.path.with_suffix(".uf2"), image.to_uf2(content, recipe.board))
    except MusterError as error:
        return Result(job.device, job.path, FAILED, error=str(error))
    return Result(job.device, job.path, state, digest)


def _compare(path: Path, content: bytes, board_name: str) -> str:
    """What is to become of the file at `path`, which is to hold `content`."""
    old = _read(path)
    if old == content:
        os.chmod(path, 0o600)  # whoever copied it here may have opened it to others
        return KEPT
    with contextlib.suppress(MusterError):  # half of an image, or none at all: it is replaced
        identity = f"{paths.CERT}/{paths.PRIVATE_KEY}"
        if old is not None and identity in image.read_image(old, board_name):
            return IN_USE
    return MADE


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MusterError(f"{path} cannot be read ({error.strerror}): move it away.") from None


def _keep_or_write(path: Path, content: bytes) -> None:
    if _read(path) != content:
        write_private(path, content)


def build_all(
    work: Sequence[Job],
    recipe: Recipe,
    *,
    processes: int | None = None,
    on_result: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """Make all images, several at a time; the results in the order of `work`.

    `on_result` is called as each is done. Raises MusterError (PARTLY_DONE) when a process was killed from
    outside; whatever stops it, images are whole or absent, and the same call goes on where it stopped.
    """
    for folder in {job.path.parent for job in work}:
        forget_parts(folder)
    count = min(processes or processors(), len(work))
    is_worth_it = count > 1 and len(work) >= _POOL_FROM
    stream = _parallel(work, recipe, count) if is_worth_it else (build(job, recipe) for job in work)
    results = {}
    with contextlib.closing(stream):  # whatever stops the loop, the processes end with it
        for result in stream:
            results[result.device] = result
            on_result(result)
    return [results[job.device] for job in work]


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_recipe: Recipe | None = None  # of a worker process, so that it is sent once and not with each image


def _start_worker(recipe: Recipe) -> None:
    global _recipe
    _recipe = recipe
    # Ctrl-C is for the parent, which then stops the workers. SIGTERM is not ignored: a broken pool sends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _work(job: Job) -> Result:
    assert _recipe is not None
    return build(job, _recipe)


def _parallel(work: Sequence[Job], recipe: Recipe, count: int) -> Generator[Result, None, None]:
    # Forking this process itself would copy its threads' locks and its registry connection.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if context.get_start_method() == "forkserver":
        context.set_forkserver_preload([__name__])
    pool = ProcessPoolExecutor(count, context, _start_worker, (recipe,))
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
