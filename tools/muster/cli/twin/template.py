"""`muster twin template`: provisioning templates."""

from pathlib import Path

import click

from muster.cli import options, output
from muster.errors import MusterError
from muster.twin import template


@click.command(name="template")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--hook", metavar="FUNCTION", help="Its pre-provisioning hook: module:function or file.py:function."
)
@options.home_option
@output.output_option
def put_template(name: str, file: Path, hook: str | None, home: Path, form: str) -> None:
    """Store FILE as the provisioning template NAME.

    It is used from the next request on, also by a running twin.
    """
    try:
        body = file.read_text(encoding="utf-8")
        template.check(body)
    except (template.TemplateError, UnicodeDecodeError) as error:
        raise MusterError(f"{file}: {error}") from error
    with options.reading(home) as registry:
        registry.templates.put(name, body, hook)
    output.done(form, [f"stored template {name}"], {"name": name, "hook": hook})
