"""The label of one device as a file for a label printer."""

from pathlib import Path

from muster.files import write_private
from muster.fleet import names
from muster.labels import pdf, sheets
from muster.labels.contents import device_content
from muster.labels.design import design, sizes
from muster.labels.fonts import Fonts
from muster.registry.fleet import Device

WIDTH_MM, HEIGHT_MM = 62.0, 29.0  # of a common roll
CODE = "{claim_id}"  # what the QR code holds


def write(device: Device, folder: Path, width_mm: float = WIDTH_MM, height_mm: float = HEIGHT_MM) -> Path:
    """Draw the label of `device` into a PDF in `folder`; return its path."""
    fonts = Fonts(None)
    content = device_content(device, CODE, "", "", "")
    label = design(content, width_mm, height_mm, fonts, widest=sizes([content], fonts))
    path = folder / f"{names.file_name(device.name)}.pdf"
    write_private(path, pdf.draw([sheets.single(label)], fonts, device.name, False))
    return path
