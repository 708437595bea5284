"""Applications for boards of the tests, from the text of their modules."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

from muster import application


def compiled(folder: Path, main: str, others: Mapping[str, str] | None = None) -> dict[str, bytes]:
    """{path on flash: content} of an application whose main.py is `main`; `others`: {file: text}.

    It is written into `folder`, and goes the way of `muster image --app`.
    """
    for name, text in {"main.py": main, **(others or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return application.files_of(folder)


def body(lines: str) -> str:
    """The text of a main.py whose `main` does these `lines`."""
    return "import asyncio\nimport sys\n\n\nasync def main(muster):\n" + textwrap.indent(
        textwrap.dedent(lines), "    "
    )
