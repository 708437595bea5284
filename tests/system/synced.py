"""What tests of synchronised tables share: boards that keep them, and what the cloud and the board have."""

import contextlib
import json
import textwrap
import time

from device.core import fields, paths
from muster.image import mount, strict_json, tables
from muster.registry import Registry
from muster.twin import tables as service
from tests.system import applications, commanding, mishaps, rig

# Stores what the commands say: `put {"table": ..., "key": ..., "document": ...}`, null deletes.
KEEPER = """
    import json
    def told(payload):
        asked.append(json.loads(payload))
    asked = []
    muster.on_command("put", told)
    muster.log("hears commands")
    while True:
        while asked:
            one = asked.pop(0)
            table = await muster.table(one["table"])
            if one["document"] is None:
                table.delete(one["key"])
            else:
                table.put(one["key"], one["document"])
            muster.log("stored %s" % one["key"])
        await asyncio.sleep(0.02)
"""


def board(tmp_path, twin, serial, lines, directions, **more):
    config = {fields.SERVICES: {fields.CLOUD: {fields.SYNC: directions}}}
    app = applications.compiled(
        tmp_path / "app", applications.body(textwrap.dedent(lines) + "\nawait asyncio.sleep(3600)")
    )
    extra = {**app, paths.CONFIG: strict_json(config)}
    return mishaps.flash(tmp_path / "flash.img", twin, serial, extra=extra, **more)


def tell(twin, serial, table, key, document):
    commanding.send(twin, serial, "put", {"table": table, "key": key, "document": document})


def tell_until_heard(machine, twin, serial, table, key, document):
    order = {"table": table, "key": key, "document": document}
    commanding.send_until(machine, twin, serial, "put", "stored " + key, order)


def opened(twin):
    """The twin's registry, to be used in a `with` of this thread."""
    return contextlib.closing(Registry(twin.home.root))


def change(twin, serial, table, key, document):
    """What `muster twin table put` and `delete` do, in this process."""
    with opened(twin) as registry:
        service.change(registry, serial, table, key, document, int(time.time()))


def in_cloud(twin, serial, table):
    with opened(twin) as registry:
        return {one.key: json.loads(one.text) for one in registry.tables.documents(serial, table)}


def changes_in_cloud(twin, serial, table):
    with opened(twin) as registry:
        return registry.tables.last(serial, table)


def wait_in_cloud(twin, serial, table, wanted):
    end_s = time.monotonic() + 60
    while in_cloud(twin, serial, table) != wanted:
        assert time.monotonic() < end_s, in_cloud(twin, serial, table)
        time.sleep(0.05)


def wait_for_keys(twin, serial, table, keys):
    end_s = time.monotonic() + 60
    while set(keys) - in_cloud(twin, serial, table).keys():
        assert time.monotonic() < end_s, in_cloud(twin, serial, table)
        time.sleep(0.05)


def on_board(path, table):
    found = tables.read(mount(path.read_bytes(), rig.BOARD))
    return dict(tables.documents(found[table])) if table in found else {}
