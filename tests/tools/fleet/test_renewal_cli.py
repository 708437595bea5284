"""`muster twin run --ttl` and `--open`; and a registry made before certificates had a first connection."""

import sqlite3
import time

import pytest

from muster.registry import FILE_NAME, Registry
from muster.registry.schema import STEPS
from tools.twin.helpers import Device
from tools.twin.processes import muster, process

HOUR_S = 3600


@pytest.mark.parametrize(
    ("arguments", "hours"), [((), None), (("--ttl", "1.5"), 1.5), (("--ttl", "aws"), None)]
)
def test_the_life_of_certificates(tmp_path, arguments, hours):
    with process(tmp_path / "home", *arguments) as (_, twin):
        camera = Device(twin, tmp_path, "cam1")
        camera.connect().disconnect()
    registry = Registry(tmp_path / "home")
    end_s = registry.certificates.get(camera.certificate_id).not_after_s
    if hours is None:
        assert time.gmtime(end_s)[:3] == (2049, 12, 31)
    else:
        assert end_s - time.time() == pytest.approx(hours * HOUR_S, abs=60)


@pytest.mark.parametrize("ttl", ["0", "-1", "nan", "inf", "soon", "1e9", ""])
def test_no_life_of_a_certificate(tmp_path, ttl):
    done = muster("run", "--home", tmp_path, "--mqtt-port", 0, "--ttl", ttl)
    assert done.returncode == 2
    assert "hours" in done.stderr and "Traceback" not in done.stderr


def test_open_says_so(tmp_path):
    with process(tmp_path / "home", "--open") as (running, _):
        running.terminate()
        assert "whoever holds the claim certificate" in running.communicate()[1]


def test_certificates_of_an_older_registry_count_as_connected(tmp_path):
    database = sqlite3.connect(tmp_path / FILE_NAME)
    for step in STEPS[:2]:
        database.executescript(step)
    database.execute("PRAGMA user_version = 2")
    insert = "INSERT INTO certificates VALUES (?, '', ?, 0, 5, 9)"
    database.executemany(insert, [("a", "ACTIVE"), ("b", "PENDING_ACTIVATION"), ("c", "REVOKED")])
    database.commit()
    database.close()
    rows = {row.certificate_id: row.connected_s for row in Registry(tmp_path).certificates.all()}
    assert rows == {"a": 5, "b": None, "c": None}
