"""The label papers on the command line: option, completion, table."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from muster.cli import output
from muster.labels import papers

_F = TypeVar("_F", bound=Callable[..., Any])


def _complete(_: click.Context, __: click.Parameter, begin: str) -> list[CompletionItem]:
    numbers = {**{name: name for name in papers.PAPERS}, **papers.ALIASES}
    found = [(number, papers.PAPERS[name]) for number, name in numbers.items()]
    return [
        CompletionItem(number, help=f"{paper.maker}, {paper.width:.1f} x {paper.height:.1f} mm")
        for number, paper in found
        if number.startswith(begin.upper())
    ]


def paper_options(function: _F) -> _F:
    """--paper and --list-papers, as the parameters paper_name and list_papers."""
    several = click.option("--list-papers", is_flag=True, help="Show the label papers and exit.")
    one = click.option(
        "--paper",
        "paper_name",
        default="L7160",
        show_default=True,
        shell_complete=_complete,
        help="Label paper (see --list-papers).",
    )
    return one(several(function))


def show(form: str) -> None:
    """Print the table of label papers."""
    columns = {
        **{"name": "Paper", "maker": "Maker", "page": "Page", "labels": "Labels"},
        **{"width": "Width mm", "height": "Height mm", "also": "Also"},
    }
    rows = [
        {
            "name": paper.name,
            "maker": paper.maker,
            "page": "A4" if paper.page == papers.A4 else "Letter",
            "labels": paper.places,
            "width": round(paper.width, 1),
            "height": round(paper.height, 1),
            "also": ", ".join(alias for alias, name in papers.ALIASES.items() if name == paper.name),
        }
        for paper in papers.PAPERS.values()
    ]
    output.listing(form, columns, rows, "")
