"""`muster twin table`: the tables of boards, as the twin has them."""

import json
import time
from pathlib import Path

import click

from muster.cli import options, output
from muster.errors import MusterError
from muster.registry import Registry
from muster.twin import tables

_device = options.name_argument("device", "DEVICE")
_table = click.argument("table", metavar="TABLE")
_key = click.argument("key", metavar="KEY")


@click.command(name="list")
@_device
@options.home_option
@output.output_option
def list_tables(name: str, home: Path, form: str) -> None:
    """List the tables that a board has synchronised, or will."""
    with options.reading(home) as registry:
        rows = [{"table": table, "documents": count} for table, count in registry.tables.names(name)]
    if form == output.JSON:
        output.result({"device": name, "tables": rows})
        return
    output.listing(form, {"table": "table", "documents": "documents"}, rows, f"{name} has no tables here")


@click.command()
@_device
@_table
@click.argument("key", metavar="[KEY]", required=False)
@options.home_option
@output.output_option
def get(name: str, table: str, key: str | None, home: Path, form: str) -> None:
    """Print the documents of the table TABLE, or the one with this KEY."""
    with options.reading(home) as registry:
        _check(registry, name, table)
        if key is None:
            shown = registry.tables.documents(name, table)
        else:
            found = registry.tables.get(name, table, key)
            if found is None or found.text is None:
                raise MusterError(f"the table {table} of {name} has no document {key!r}")
            shown = [found]
    rows = [
        {
            "key": one.key,
            "document": json.loads(one.text or "null"),
            "number": one.number,
            "by": "board" if one.board else "cloud",
        }
        for one in shown
    ]
    if form == output.JSON:
        output.result({"device": name, "table": table, "documents": rows})
        return
    listed = [{**row, "document": json.dumps(row["document"], ensure_ascii=False)} for row in rows]
    columns = {"key": "key", "document": "document", "by": "by"}
    output.listing(form, columns, listed, f"the table {table} of {name} has no documents")


def _check(registry: Registry, device: str, table: str) -> None:
    if registry.tables.last(device, table) is None:
        names = ", ".join(one for one, _ in registry.tables.names(device))
        raise MusterError(f"{device} has no table {table} here" + (f"; it has {names}" if names else ""))


@click.command()
@_device
@_table
@_key
@click.argument("document", metavar="JSON")
@options.home_option
@output.output_option
def put(name: str, table: str, key: str, document: str, home: Path, form: str) -> None:
    """Store the document JSON with this KEY in TABLE; the board gets it, at once if the twin runs."""
    must = 'a document must be a JSON object, such as {"every_s": 5}'
    value = options.json_object(document, "the document", must)
    with options.reading(home) as registry:
        number = tables.change(registry, name, table, key, value, int(time.time()))
    done = f"{key} of {table} of {name} is change {number}"
    output.done(form, [done], {"device": name, "table": table, "key": key, "number": number})


@click.command()
@_device
@_table
@_key
@options.home_option
@output.output_option
def delete(name: str, table: str, key: str, home: Path, form: str) -> None:
    """Delete the document with this KEY from TABLE, on the board too."""
    with options.reading(home) as registry:
        number = tables.change(registry, name, table, key, None, int(time.time()))
    if number is None:
        raise MusterError(f"the table {table} of {name} has no document {key!r}")
    done = f"{key} of {table} of {name} is deleted"
    output.done(form, [done], {"device": name, "table": table, "key": key, "number": number})
