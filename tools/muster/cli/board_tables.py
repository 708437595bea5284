"""`muster board tables` and `muster board table`: the database in a flash image."""

import json
from pathlib import Path

import click

from muster.cli import output
from muster.cli.board import image_option, mounted
from muster.errors import MusterError
from muster.image import tables as of_image


def _damage(count: int) -> None:
    if count:
        output.note(f"{output.counted(count, 'damaged record')} skipped")


@click.command()
@image_option
@output.output_option
def tables(image_path: Path, form: str) -> None:
    """List the tables of the database in an image."""
    found = of_image.read(mounted(image_path)).values()
    rows = [
        {"table": one.name, "documents": one.count(), "bytes": one.bytes, "damaged": one.damaged}
        for one in found
    ]
    if form == output.JSON:
        output.result({"tables": rows})
        return
    columns = {"table": "table", "documents": "documents", "bytes": "bytes"}
    output.listing(form, columns, rows, "there are no tables in the image")
    _damage(sum(one.damaged for one in found))


@click.command()
@image_option
@click.argument("name")
@output.output_option
def table(image_path: Path, name: str, form: str) -> None:
    """Print the documents of the table NAME in an image, the oldest first."""
    found = of_image.read(mounted(image_path))
    if name not in found:
        raise MusterError(
            f"there is no table {name!r} in {image_path}: see `muster board tables --image {image_path}`."
        )
    rows = [{"key": key, "document": document} for key, document in of_image.documents(found[name])]
    if form == output.JSON:
        output.result({"table": name, "documents": rows, "damaged": found[name].damaged})
        return
    shown = [{"key": row["key"], "document": json.dumps(row["document"])} for row in rows]
    output.listing(form, {"key": "key", "document": "document"}, shown, f"the table {name} has no documents")
    _damage(found[name].damaged)
