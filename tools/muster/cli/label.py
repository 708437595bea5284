"""`muster label`: printable labels of devices, on sheets of label paper or one by one."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from muster.cli import label_papers, options, output, selection
from muster.cli.numbers import Finite
from muster.cli.output import counted
from muster.enrolment.secrets import Vault
from muster.errors import GOOD
from muster.files import write_private
from muster.fleet import images, names
from muster.labels import papers
from muster.labels.contents import CODE, check_code, device_content
from muster.labels.design import Content, Label, design, sizes
from muster.registry import Registry
from muster.registry.fleet import Device

_FOLDER_OF_HOME = "labels"
_GROUPS, _BATCHES, _DEVICES, _EACH = "groups", "batches", "devices", "each"  # folders below it
_ALL = "all"
_PDF, _SVG = "pdf", "svg"
_SIZE_MM = Finite(5, 500)
_LONGEST_NAME = 80  # characters of a file's name that lists devices


@click.command()
@selection.device_options
@label_papers.paper_options
@click.option(
    "--start-at", type=click.IntRange(1), default=1, help="First free place of a partly used sheet."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the sheets: a .pdf, or an .svg (numbered if there are several).  [default: a PDF in"
    " HOME/labels that is named after the selection]",
)
@click.option("--each", is_flag=True, help="Write one file for each label, for a label printer.")
@click.option(
    "--width",
    type=_SIZE_MM,
    default=papers.SINGLE_MM[0],
    show_default=True,
    help="With --each: width of a label, in mm.",
)
@click.option(
    "--height",
    type=_SIZE_MM,
    default=papers.SINGLE_MM[1],
    show_default=True,
    help="With --each: height of a label, in mm.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice([_PDF, _SVG]),
    default=_PDF,
    show_default=True,
    help="With --each: format of the files.",
)
@click.option(
    "--out-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="With --each: folder of the files.  [default: HOME/labels/each]",
)
@click.option("--copies", type=click.IntRange(1, 100), default=1, help="Labels for each device.")
@click.option("--title", default="", help="A line above the name, such as the manufacturer.")
@click.option(
    "--qr",
    "code",
    default=CODE,
    show_default=True,
    help="Text of the QR code; {claim_id}, {name} and {product} are replaced.",
)
@click.option("--product", default="", help="Text that replaces {product}.")
@click.option("--web-password", is_flag=True, help="Print the password of the device's own web page.")
@click.option(
    "--font",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A TrueType font, for characters that the built-in one lacks.",
)
@click.option(
    "--outlines", is_flag=True, help="Draw the edges of the labels, to check the alignment of the printer."
)
@options.home_option
@options.dry_run_option
@output.output_option
def label(**words: Any) -> int:
    """Print labels: name, claim ID and QR code of devices.

    The labels are placed on sheets of label paper, or with --each written to one file per label. Long names
    are wrapped and shrunk until they fit. The QR code holds only the claim ID, so a scanner can type it into
    any field that takes one. Print without scaling ("actual size", 100 %).
    """
    if words["list_papers"]:
        label_papers.show(words["form"])
        return GOOD
    wanted = selection.selection(*(words[name] for name in ("devices", "group", "batch", "everything")))
    if wanted is None:
        raise click.UsageError("Missing argument 'DEVICE', or --group, --batch or --all.")
    check_code(words["code"], words["product"])
    paper = papers.paper(words["paper_name"])
    out = _out(words, wanted)
    with options.reading(words["home"]) as registry:
        devices, passed_over = selection.chosen(registry, wanted)
        passwords = _passwords(registry, devices, words["home"]) if words["web_password"] else {}
    contents = [
        device_content(
            device, words["code"], words["product"], words["title"], passwords.get(device.name, "")
        )
        for device in devices
        for _ in range(words["copies"])
    ]
    if passed_over:
        output.note(
            f"{counted(passed_over, 'retired device')} {'is' if passed_over == 1 else 'are'} left out"
        )
    if words["each"]:
        return _each(contents, words)
    return _sheets(contents, paper, out, words)


def _out(words: dict[str, Any], wanted: selection.Selection) -> Path:
    """Where the sheets go. Raises click.UsageError for options that contradict each other."""
    given = click.get_current_context().get_parameter_source
    from_user = {
        name
        for name in ("out", "paper_name", "start_at", "width", "height", "kind", "out_dir")
        if given(name) == click.core.ParameterSource.COMMANDLINE
    }
    wrong = from_user & (
        {"out", "paper_name", "start_at"} if words["each"] else {"width", "height", "kind", "out_dir"}
    )
    if wrong:
        option = "--" + {"paper_name": "paper", "kind": "format"}.get(min(wrong), min(wrong)).replace(
            "_", "-"
        )
        which = "sheets: omit --each" if words["each"] else "single labels: add --each"
        raise click.UsageError(f"{option} belongs to {which}, or omit it.")
    out: Path = words["out"] or words["home"] / _FOLDER_OF_HOME / _sheet(wanted)
    if out.suffix.lower() not in (f".{_PDF}", f".{_SVG}"):
        raise click.UsageError(f"--out must end in .pdf or .svg, not {out.name!r}.")
    return out


def _sheet(wanted: selection.Selection) -> Path:
    """The file of a selection below the folder of labels: no other selection has the same one."""
    if wanted.group is not None:
        return Path(_GROUPS, f"{wanted.group}.{_PDF}")
    if wanted.batch is not None:
        return Path(_BATCHES, f"{wanted.batch}.{_PDF}")
    if wanted.everything:
        return Path(f"{_ALL}.{_PDF}")
    names = ",".join(dict.fromkeys(wanted.names))
    if len(names) > _LONGEST_NAME:
        digest = hashlib.sha256(names.encode()).hexdigest()[:16]
        names = f"{wanted.names[0][: _LONGEST_NAME // 2]},{digest}"
    return Path(_DEVICES, f"{names}.{_PDF}")


def _passwords(registry: Registry, devices: list[Device], home: Path) -> dict[str, str]:
    """{name of device: the password of its web page}"""
    own = images.enrolment_keys(registry, Vault(home), devices)
    return {name: images.web_password(key) for name, key in own.items()}


def _designed(
    contents: list[Content], width: float, height: float, words: dict[str, Any], **more: Any
) -> list[Label]:
    from muster.labels.fonts import Fonts

    fonts = words["fonts"] = Fonts(words["font"])
    fonts.check(words["title"], "--title")
    for content in contents:
        fonts.check(content.name + content.claim + content.password, "the labels")
    widest = sizes(contents, fonts)
    labels = []
    with output.Progress("drawing labels", len(contents)) as progress:
        for content in contents:
            labels.append(design(content, width, height, fonts, widest=widest, **more))
            progress.advance(1)
    shortened = sum(not label.is_whole for label in labels)
    if shortened:
        verbs = (
            "is too long for the label and was" if shortened == 1 else "are too long for the label and were"
        )
        output.note(f"{counted(shortened, 'name')} {verbs} shortened in the middle")
    return labels


def _sheets(contents: list[Content], paper: papers.Paper, out: Path, words: dict[str, Any]) -> int:
    from muster.labels import pdf, sheets, svg

    labels = _designed(contents, paper.width, paper.height, words, inset=paper.inset)
    made = list(sheets.pages(labels, paper, words["start_at"]))
    fonts, title, outlines = words["fonts"], f"Labels on {paper.maker} {paper.name}", words["outlines"]
    if out.suffix.lower() == f".{_PDF}":
        files: Iterable[tuple[Path, bytes]] = [(out, pdf.draw(made, fonts, title, outlines))]
    elif len(made) == 1:
        files = [(out, svg.draw(made[0], fonts, title, outlines))]
    else:
        files = [
            (out.with_stem(f"{out.stem}-{number}"), svg.draw(page, fonts, title, outlines))
            for number, page in enumerate(made, 1)
        ]
    written = _write(files, words)
    following = sheets.next_place(len(labels), paper, words["start_at"])
    lines = [f"{path}: {_would(words)}written" for path in written]
    lines.append(
        f"{counted(len(labels), 'label')} on {counted(len(made), 'sheet')} of {paper.maker} {paper.name}"
        + (f"; the last one is free from place {following} (--start-at {following})" if following > 1 else "")
    )
    response = {"files": list(map(str, written)), "labels": len(labels), "sheets": len(made)}
    output.done(words["form"], lines, {**response, "paper": paper.name, "nextPlace": following})
    return GOOD


def _each(contents: list[Content], words: dict[str, Any]) -> int:
    from muster.labels import pdf, sheets, svg

    folder = words["out_dir"] or words["home"] / _FOLDER_OF_HOME / _EACH
    labels = _designed(contents, words["width"], words["height"], words)

    def files() -> Iterator[tuple[Path, bytes]]:
        for number in range(0, len(labels), words["copies"]):
            name = contents[number].name
            copies = [sheets.single(one) for one in labels[number : number + words["copies"]]]
            path = folder / f"{names.file_name(name)}.{words['kind']}"
            if words["kind"] == _PDF:
                yield path, pdf.draw(copies, words["fonts"], name, words["outlines"])
            else:
                yield path, svg.draw(copies[0], words["fonts"], name, words["outlines"])

    written = _write(files(), words)
    size = f"{words['width']:g} x {words['height']:g} mm"
    what, where = f"{counted(len(labels), 'label')} of {size}", f"{counted(len(written), 'file')} in {folder}"
    lines = [f"{what} {_would(words)}written to {where}"]
    output.done(words["form"], lines, {"files": list(map(str, written)), "labels": len(labels)})
    return GOOD


def _write(files: Iterable[tuple[Path, bytes]], words: dict[str, Any]) -> list[Path]:
    """Write the files, unless this is a dry run, and return their paths."""
    written = []
    for path, content in files:
        if not words["dry_run"]:
            write_private(path, content)
        written.append(path)
    return written


def _would(words: dict[str, Any]) -> str:
    return "would be " if words["dry_run"] else ""
