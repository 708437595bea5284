"""What lets everything of the build profile `small` be at work, and the memory that is to be left then.

The application is examples/sensor: it measures, stores in the database, publishes. The log is written to the
flash, and the page has a password.
"""

from device.core import fields, paths
from muster import application, web_password
from muster.layout import REPO
from tests.firmware.emulator import Board
from tests.firmware.stage import Load, Provisioned

PASSWORD = "marker-web-password"
LEAST_FREE = 25 * 1024
LEAST_PIECE = 16 * 1024
LOG = {fields.LEVEL: "debug", fields.FLASH_BYTES: 32768}

EVERYTHING = Load(
    settings={fields.APP: {"every_s": 2}},
    documents={
        paths.CONFIG: {fields.LOG: LOG},
        paths.WEB: {fields.PASSWORD: web_password.hashed(PASSWORD, "pico")},
    },
    files=application.files_of(REPO / "examples" / "sensor"),
)


def check_memory(board_or_made: Board | Provisioned) -> None:
    """Assert that the memory floor was kept at every moment."""
    figures = board_or_made.figures
    assert figures.least_free is not None and figures.least_block is not None
    assert figures.least_free >= LEAST_FREE, figures
    assert figures.least_block >= LEAST_PIECE, figures
    assert figures.resets == []
