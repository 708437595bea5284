"""`muster image` for devices of the registry: what goes in, the progress bar, what is said at the end."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import click

from device.core import fields, paths
from muster.cli import options, output, work
from muster.cli.selection import Selection, chosen
from muster.errors import FAILED, GOOD, PARTLY_DONE, WRONG_USE, MusterError
from muster.fleet import images
from muster.fleet.secrets import Vault
from muster.image import board, board_files, read_claim, read_json
from muster.twin.settings import Home

_LISTED = 10  # so many images are named one by one, more are only counted
_FOLDER_OF_HOME = "images"


def make(wanted: Selection, conf: dict[str, Any], additions: dict[str, bytes], words: dict[str, Any]) -> int:
    """Make the images of the devices chosen; the exit code. `words`: the other options by their names."""
    home: Path = words["home"]
    folder: Path = words["out_dir"] or home / _FOLDER_OF_HOME
    with options.reading(home) as registry:
        devices, passed_over = chosen(registry, wanted)
        enrolment = images.enrolment_keys(registry, Vault(home), devices)
    recipe = _recipe(conf, additions, words)
    todo = images.jobs(devices, enrolment, recipe, folder)
    if passed_over:
        output.note(f"{passed_over} retired devices are passed over")
    if words["dry_run"]:
        lines = [f"{job.path}: would be made, or kept when it is the same" for job in todo]
        output.done(words["form"], lines, {"dryRun": True, "images": [str(job.path) for job in todo]})
        return GOOD
    start_s = time.monotonic()
    results = _build(todo, recipe, words["jobs"], home)
    return _say(results, folder, words, time.monotonic() - start_s)


def _build(
    todo: list[images.Job], recipe: images.Recipe, processes: int | None, home: Path
) -> list[images.Result]:
    """Build with a progress bar; whatever ends it, the history says which images were made."""
    done: list[images.Result] = []

    def on_result(result: images.Result) -> None:
        done.append(result)
        progress.advance(1)

    try:
        with work.resumable("building images", "images", len(todo)) as progress:
            return images.build_all(todo, recipe, processes=processes, on_result=on_result)
    finally:
        _note_made(home, done, recipe.board)


def _recipe(conf: dict[str, Any], additions: dict[str, bytes], words: dict[str, Any]) -> images.Recipe:
    if fields.ENDPOINT_URL not in conf.get(fields.DEVICE, {}):
        raise MusterError(
            "the boards have to know where the cloud is: give --endpoint HOST, or name it in --conf.",
            WRONG_USE,
        )
    if paths.CONF in additions:
        raise MusterError("each device gets its own ento.conf: give yours with --conf.", WRONG_USE)
    about = _document(additions, paths.DEVICE)
    web = _document(additions, paths.WEB)
    if words["product"]:
        about[fields.PRODUCT] = words["product"]
    if words["test_device"]:
        about[fields.TEST] = 1
    claim, ca = _claim(words)
    documents = {}
    if words["wifi"] is not None:
        documents[paths.WIFI] = read_json(words["wifi"], "the list of networks")
    elif paths.WIFI not in additions:
        output.note("no networks are known to the boards (--wifi FILE)")
    files = board_files(
        words["board_name"],
        documents=documents,
        claim=read_claim(claim, ca) if claim else None,
        extra=additions,
        build_time=words["build_time"],
    )
    return images.Recipe(words["board_name"], files, conf, about, web, words["with_uf2"])


def _document(additions: dict[str, bytes], path: str) -> dict[str, Any]:
    """The document that --add gave for `path`, into which a device's own values go."""
    if path not in additions:
        return {}
    from device.core import documents

    try:
        document = documents.loads(additions.pop(path))
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise MusterError(f"--add {path}: this must be a JSON object. Correct the file.")
    return document


def _claim(words: dict[str, Any]) -> tuple[Path | None, Path | None]:
    """(folder of the claim credentials, root CA): the twin's own when the home is one's."""
    if words["claim"] is not None:
        return words["claim"], words["ca"]
    home = Home(words["home"])
    if (home.claim_dir / paths.CERTIFICATE).exists():
        return home.claim_dir, words["ca"] or (home.ca_pem if home.ca_pem.exists() else None)
    output.note("there are no claim credentials in the images (--claim): the boards cannot provision yet")
    return None, None


def _note_made(home: Path, results: list[images.Result], board_name: str) -> None:
    """Into the history of each device that has a new image: which one."""
    with options.writing(home) as registry, registry.transaction():
        for result in results:
            if result.state == images.MADE and registry.devices.get(result.device):
                detail = f"for {board_name}, SHA-256 {result.digest}"
                registry.devices.note(result.device, "image", detail, time.time())


def _say(results: list[images.Result], folder: Path, words: dict[str, Any], took_s: float) -> int:
    states = Counter(result.state for result in results)
    counts = ", ".join(f"{states[state]} {state}" for state in (images.MADE, images.KEPT) if states[state])
    title = board(words["board_name"]).title
    good = len(results) - states[images.FAILED]
    lines = [f"{result.path}: {result.state}" for result in results if len(results) <= _LISTED]
    lines.append(f"{good} images for {title} in {folder} ({counts or 'none new'}), {took_s:.1f} s")
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
    output.done(words["form"], lines, {"board": words["board_name"], "images": rows})
    for result in results:
        if result.state == images.IN_USE:
            output.note(f"{result.path} was booted and holds an identity: delete it to make it anew")
        elif result.state == images.FAILED:
            output.note(f"{result.device}: {result.error}")
    if not states[images.FAILED]:
        return GOOD
    click.echo(f"{states[images.FAILED]} of {len(results)} images failed; the same command goes on", err=True)
    return PARTLY_DONE if good else FAILED
