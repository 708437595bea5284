"""The label of one device as a file for a label printer."""

from pathlib import Path

from muster.files import write_private
from muster.fleet import names
from muster.labels import papers, pdf, sheets
from muster.labels.contents import CODE, device_content
from muster.labels.design import design, sizes
from muster.labels.fonts import Fonts
from muster.registry.fleet import Device


def write(device: Device, folder: Path) -> Path:
    """Draw the label of `device` into a PDF in `folder`; return its path."""
    fonts = Fonts(None)
    content = device_content(device, CODE, "", "", "")
    label = design(content, *papers.SINGLE_MM, fonts, widest=sizes([content], fonts))
    path = folder / f"{names.file_name(device.name)}.pdf"
    write_private(path, pdf.draw([sheets.single(label)], fonts, device.name, False))
    return path
