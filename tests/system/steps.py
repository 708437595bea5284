"""What tests of all nine steps of the start-up share: the board that takes them, and how each of them shows.

Seed 000, "Startup Order": serialize, web server, register, provision, keys, MQTT, sync, shadow, log export.
"""

import re
from collections.abc import Mapping

from device.core import fields, paths
from muster.twin.server import RunningTwin
from muster.twin.settings import DEFAULT_ROLE_ALIAS
from muster.virtual import VirtualBoard
from tests.system import applications, browser, exported, mishaps, rig

STEPS = {  # step -> the line by which the board says that it is done; of the last, logs, the cloud knows
    "serialize": r"serialize +claim ID (\S+), new",
    "web": r"web +page at http\S+",
    "register": r"register +registered with the builder",
    "provision": r"provision +identity \S+",
    "keys": r"keys +for role alias muster-board, valid for",
    "mqtt": r"mqtt +connected to localhost as",
    "sync": r"sync +\w+: \d+ changes sent",
    "shadow": r"app +asked for \{'led': 'on'\}",
}
TABLES = {"readings": fields.UP}
LOG = {fields.LEVEL: "debug"}
APP = applications.body(
    """
    readings = await muster.table("readings")
    readings.put("1-1", {"celsius": 21})
    shadow = muster.shadow()
    shadow.on_change(lambda changes: muster.log("asked for %s" % changes))
    await asyncio.sleep(3600)
    """
)
DELAYS = {**mishaps.PATIENT, "poll_second_ms": 100, "logs_ms": 100}


def blank(
    cloud: RunningTwin,
    serial: str,
    token: str,
    app: Mapping[str, bytes],
    *,
    https_port: int | None = None,
    tables: Mapping[str, str] = TABLES,
    delays: Mapping[str, int | None] = DELAYS,
    log: Mapping[str, object] = LOG,
    **conf: Mapping[str, object],
) -> bytes:
    """A board that knows its network, its product and its builder, and is asked for everything.

    `https_port`: where it finds builder, keys and CloudWatch, if not at the twin's own port. `delays`: as
    in mishaps.told. `tables` and `log`: what config.json says of them. `conf`: sections of ento.conf.
    """
    assert cloud.builder_url
    port = https_port or cloud.https_port
    documents = rig.documents(1, serial, **conf)
    del documents[paths.CONF][fields.DEVICE][fields.ENDPOINT_URL], documents[paths.CONF][fields.MQTT]
    documents[paths.DEVICE] = {fields.PRODUCT: token}
    documents[paths.CONFIG] = {
        fields.SERVICES: {fields.CLOUD: {"serialize": "auto", fields.SYNC: tables}},
        fields.API: {fields.BUILDER: cloud.builder_url.replace(f":{cloud.https_port}/", f":{port}/")},
        fields.KEYS: {fields.ROLE_ALIAS: DEFAULT_ROLE_ALIAS, fields.ENDPOINT: "localhost", fields.PORT: port},
        fields.LOGS: exported.cloudwatch(cloud, **{fields.PORT: port}),
        fields.LOG: log,
    }
    extra = {
        **mishaps.told(intervals=delays),
        **app,
        **browser.WEB,
        f"{paths.ROOTS}/builder.pem": cloud.ca_pem_path.read_bytes(),
    }
    return rig.build(documents, extra=extra)


def seen(machine: VirtualBoard) -> list[str]:
    """The steps in the order in which the board has said that they are done."""
    at = {step: re.search(pattern, machine.console) for step, pattern in STEPS.items()}
    return sorted((step for step in STEPS if at[step]), key=lambda step: at[step].start())
