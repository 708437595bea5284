"""`muster get shadow` and `muster set shadow`: the shadows of a thing, as the twin keeps them."""

import json
import time
from pathlib import Path
from typing import Any

import click

from device.core import fields, shadow_topics
from muster.cli import options, output
from muster.cloud import Deed
from muster.errors import WRONG_USE, MusterError
from muster.registry import Registry
from muster.twin import shadow

_name_option = click.option(
    "--name", "shadow_name", metavar="SHADOW", help="A named shadow; the classic one without it."
)


@click.command(name="shadow")
@options.name_argument("device", "THING")
@_name_option
@options.home_option
@output.output_option
def get_shadow(name: str, shadow_name: str | None, home: Path, form: str) -> None:
    """Show a shadow of a thing: what is desired, what it has reported, and what differs."""
    with options.reading(home) as registry:
        document, others = _document(registry, name, shadow_name)
    options.note_only_here(home, Deed.LOOK)
    if form == output.JSON:
        output.result(document)
        return
    rows = [
        {"what": section, "value": json.dumps(content, ensure_ascii=False)}
        for section, content in document[fields.STATE].items()
    ]
    rows += [{"what": fields.VERSION, "value": document[fields.VERSION]}]
    rows += [{"what": "other shadows", "value": ", ".join(others)}] if others else []
    output.listing(form, {"what": "what", "value": "value"}, rows, "")


def _document(registry: Registry, thing: str, name: str | None) -> tuple[dict[str, Any], list[str]]:
    """The document, and the names of the thing's other shadows."""
    if registry.things.get(thing) is None:
        raise MusterError(f"no thing {thing}: `{output.program()} twin things` lists them")
    found = registry.shadows.get(thing, name or "")
    others = [one or "(classic)" for one in registry.shadows.names(thing) if one != (name or "")]
    if found is None or found.state is None:
        have = f"; it has {', '.join(others)}" if others else ""
        raise MusterError(f"{thing} has no {_called(name)} yet{have}")
    return shadow.full(found, int(time.time())), others


@click.command(name="shadow")
@options.name_argument("device", "THING")
@_name_option
@click.option("--desired", metavar="JSON", help="What to change in what is desired; null removes a key.")
@click.option(
    "-f", "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The same, in a file."
)
@options.home_option
@output.output_option
def set_shadow(
    name: str, shadow_name: str | None, desired: str | None, file: Path | None, home: Path, form: str
) -> None:
    """Change what a shadow desires of a thing; a running twin tells the thing at once."""
    if (desired is None) == (file is None):
        raise MusterError("give either --desired JSON or -f FILE", WRONG_USE)
    if shadow_name is not None and shadow_topics.name_fault(shadow_name):
        raise MusterError(f"--name {shadow_topics.name_fault(shadow_name)}", WRONG_USE)
    text = (desired or "") if file is None else file.read_text(encoding="utf-8")
    topic = shadow_topics.of(name, shadow_name) + shadow_topics.UPDATE
    must = 'what is desired must be a JSON object, such as {"lamp": true}'
    value = options.json_object(text, "what is desired", must)
    payload = json.dumps({fields.STATE: {fields.DESIRED: value}}).encode()
    with options.reading(home) as registry, registry.transaction():
        try:
            answer, news = shadow.serve(registry, topic, payload, int(time.time()))
        except shadow.ShadowError as error:
            raise MusterError(f"{name}: {error} ({error.code})") from error
        for message in [answer, *news]:
            registry.outbox.put(message.topic, message.payload)
    version = answer.body[fields.VERSION]
    done = f"{_called(shadow_name)} of {name} has version {version}"
    output.done(form, [done], {"thing": name, "name": shadow_name, fields.VERSION: version})
    options.note_only_here(home, Deed.LOOK)


def _called(name: str | None) -> str:
    return f"shadow {name}" if name else "classic shadow"
