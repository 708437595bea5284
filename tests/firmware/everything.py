"""What lets everything of the build profile `small` be at work.

The application is examples/sensor: it measures, stores in the database, publishes. The log is written to the
flash, and the page has a password.
"""

from device.core import fields, paths
from muster import application
from muster.layout import REPO
from tests.firmware.stage import Load
from tests.firmware.visitor import LOCKED

LOG = {fields.LEVEL: "debug", fields.FLASH_BYTES: 32768}
EVERYTHING = Load(
    settings={fields.APP: {"every_s": 2}},
    documents={paths.CONFIG: {fields.LOG: LOG}, **LOCKED},
    files=application.files_of(REPO / "examples" / "sensor"),
)
