"""`muster images`: build the flash images of devices of the registry."""

import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from device.core import fields, paths
from muster.cli import options, output, selection, work
from muster.cli.image_options import (
    FOLDER,
    Content,
    check_uf2,
    content_options,
    files_of,
    has_builder,
    read_object,
)
from muster.enrolment.secrets import Vault
from muster.errors import FAILED, GOOD, PARTLY_DONE, WRONG_USE, MusterError
from muster.fleet import image_build
from muster.fleet.image_build import BUILT, IN_USE, KEPT, Result
from muster.fleet.images import Job, Recipe, enrolment_keys, jobs_of
from muster.twin.settings import Home

_LISTED = 10  # so many images, and so many failures, are named one by one; more are only counted
_FOLDER_OF_HOME = "images"
_PRODUCT_SYMBOLS = 64


def _check_product(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not (0 < len(value) <= _PRODUCT_SYMBOLS and value.isprintable()):
        raise click.BadParameter(f"must have 1 to {_PRODUCT_SYMBOLS} printable characters.")
    return value


@click.command()
@selection.device_options
@click.option("--out-dir", type=FOLDER, help="Where to write the images.  [default: HOME/images]")
@click.option("--with-uf2", is_flag=True, help="Write a UF2 file beside each image (Pico W).")
@click.option("--claim", type=FOLDER, help="Folder with the claim credentials.  [default: HOME/claim]")
@content_options
@click.option("--product", callback=_check_product, help="Product of the devices, for device.json.")
@click.option("--test-device", is_flag=True, help="Mark the devices as test devices in device.json.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    help="How many images to build at the same time.  [default: number of processors]",
)
@options.home_option
@options.dry_run_option
@output.output_option
def images(
    content: Content,
    devices: tuple[str, ...],
    group: str | None,
    batch: str | None,
    everything: bool,
    out_dir: Path | None,
    with_uf2: bool,
    product: str | None,
    test_device: bool,
    jobs: int | None,
    home: Path,
    dry_run: bool,
    form: str,
) -> int:
    """Build the flash images of devices in the registry.

    Each image has its device's own name, enrolment key, template parameters, claim ID and web password in it,
    and never the group's secret. Images that are right already are kept, and one that was booted and holds an
    identity is never replaced; after an interruption the same command continues.

    Precedence: options over --conf over the profile over the board's defaults.
    """
    wanted = selection.selection(devices, group, batch, everything)
    if wanted is None:
        raise click.UsageError(
            "Name devices, or choose them by --group, --batch or --all; for one board without a registry use "
            "`muster image`."
        )
    check_uf2(content, with_uf2)
    folder = out_dir or home / _FOLDER_OF_HOME
    with options.reading(home) as registry:
        found, retired = selection.chosen(registry, wanted)
        enrolment = enrolment_keys(registry, Vault(home), found)
    about = {fields.PRODUCT: product} if product else {}
    recipe = _recipe(content, home, about | ({fields.TEST: 1} if test_device else {}), with_uf2)
    todo = jobs_of(found, enrolment, recipe, folder)
    if retired:
        output.note(f"{output.counted(retired, 'retired device')} passed over")
    if dry_run:
        lines = [f"{job.path}: would be built, or kept when it is the same" for job in todo]
        output.done(form, lines, {"dryRun": True, "images": [str(job.path) for job in todo]})
        return GOOD
    start_s = time.monotonic()
    results = _build(todo, recipe, jobs, home)
    where = f"for {content.board.title} in {folder}"
    _tell(results, where, content.board.name, form, time.monotonic() - start_s)
    return _code(results)


def _recipe(content: Content, home: Path, about: dict[str, Any], with_uf2: bool) -> Recipe:
    """What all the images have in common; `about`: what the options say of device.json."""
    if fields.ENDPOINT_URL not in content.conf.get(fields.DEVICE, {}) and not has_builder(content):
        raise MusterError(
            "the boards must know where the cloud is: give --endpoint HOST, or name it in --conf, or give "
            "--builder URL.",
            WRONG_USE,
        )
    if paths.CONF in content.additions:
        raise MusterError("each device gets its own ento.conf: give yours with --conf.", WRONG_USE)
    others = dict(content.additions)
    base, web = (read_object(path, others.pop(path, b"{}")) for path in (paths.DEVICE, paths.WEB))
    content, claim = _with_claim(content._replace(additions=others), home)
    files, has_claim = files_of(content, home, {}, claim)
    if paths.WIFI not in files:
        output.note("no networks are known to the boards (--wifi FILE)")
    if not has_claim and not has_builder(content):
        output.note("there are no claim credentials in the images (--claim): the boards cannot provision yet")
    return Recipe(content.board.name, files, content.conf, base | about, web, with_uf2)


def _with_claim(content: Content, home: Path) -> tuple[Content, Path | None]:
    """(content, folder of the claim credentials when none was named): the twin's own in a twin's home."""
    twin = Home(home)
    if content.claim is not None or has_builder(content) or not (twin.claim_dir / paths.CERTIFICATE).exists():
        return content, None
    ca = content.ca or (twin.ca_pem if twin.ca_pem.exists() else None)
    return content._replace(ca=ca), twin.claim_dir


def _build(todo: list[Job], recipe: Recipe, processes: int | None, home: Path) -> list[Result]:
    """Build with a progress bar; whatever ends it, the history says which images were built."""
    done: list[Result] = []

    def on_result(result: Result) -> None:
        done.append(result)
        progress.advance(1)

    try:
        with work.resumable("building images", "images", len(todo)) as progress:
            results = image_build.build_all(todo, recipe, processes=processes, on_result=on_result)
    except BaseException:
        with contextlib.suppress(MusterError, sqlite3.Error):  # on a full disk; what stopped us is told
            _note_built(home, done, recipe.board)
        raise
    _note_built(home, done, recipe.board)
    return results


def _note_built(home: Path, results: list[Result], board_name: str) -> None:
    """Into the history of each device that has a new image: which one."""
    built = [result for result in results if result.state == BUILT]
    if not built:
        return
    with options.writing(home) as registry, registry.transaction():
        for result in built:
            if registry.devices.get(result.device):
                detail = f"for {board_name}, SHA-256 {result.digest}"
                registry.devices.note(result.device, "image", detail, time.time())


def _tell(results: list[Result], where: str, board_name: str, form: str, took_s: float) -> None:
    states = Counter(result.state for result in results)
    counts = ", ".join(f"{states[state]} {state}" for state in (BUILT, KEPT) if states[state])
    good = len(results) - states[image_build.FAILED]
    lines = [f"{result.path}: {result.state}" for result in results if len(results) <= _LISTED]
    lines.append(f"{output.counted(good, 'image')} {where} ({counts or 'none new'}), {took_s:.1f} s")
    rows = [
        {
            "device": one.device,
            "image": str(one.path),
            "state": one.state,
            "sha256": one.digest,
            "error": one.error,
        }
        for one in results
    ]
    output.done(form, lines, {"board": board_name, "images": rows})
    _note_first(
        f"{result.path} was booted and holds an identity: delete it to build it anew"
        for result in results
        if result.state == IN_USE
    )
    _note_first(
        f"{result.device}: {result.error}" for result in results if result.state == image_build.FAILED
    )


def _note_first(sentences: Iterable[str]) -> None:
    """The first sentences, and how many more there are."""
    listed = list(sentences)
    for sentence in listed[:_LISTED]:
        output.note(sentence)
    if len(listed) > _LISTED:
        output.note(f"and {len(listed) - _LISTED} more")


def _code(results: list[Result]) -> int:
    failed = sum(result.state == image_build.FAILED for result in results)
    if not failed:
        return GOOD
    output.note(
        f"{failed} of {output.counted(len(results), 'image')} failed; the same command continues with them"
    )
    return PARTLY_DONE if failed < len(results) else FAILED
