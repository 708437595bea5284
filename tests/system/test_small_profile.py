"""Build profile `small`: the page and a TLS connection are never in memory together."""

from unittest import mock

import pytest

from device.core import paths
from device.runtime import service
from device.services import web
from tests.system import mishaps, rig

_SMALL = {"WEB_BESIDE_TLS": False}


def _page_of(machine, start=0):
    return machine.wait_for("page at http://", start=start)


def test_a_connected_board_has_no_page(twin, serial, tmp_path):
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, facts=_SMALL)
    for _ in range(2):  # with its first identity, and with the one on flash
        with mishaps.powered(path) as machine:
            machine.wait_for(rig.DONE)
            mishaps.still_runs(machine)
            assert "page at" not in machine.console, machine.console


def test_a_board_without_claim_credentials_has_its_page(twin, serial, tmp_path):
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, facts=_SMALL)
    mishaps.edit(path, dict.fromkeys(name for name in rig.on_flash(path) if "/bootstrap/" in name))
    with mishaps.powered(path) as machine:
        _page_of(machine)
        mishaps.complaint(machine, "provision", "is missing")


def test_the_page_comes_while_the_cloud_is_away_and_makes_way_for_it(twin, serial, tmp_path):
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, facts=_SMALL)
    rig.boot_to_the_end(path)
    with mishaps.powered(path, environment={"DNS": "silent:1:3"}) as machine:
        mishaps.complaint(machine, "mqtt", "name server")
        _page_of(machine)
        mishaps.complaint(machine, "web", "stopped: memory is short")
        machine.wait_for("connected to")
        start = len(machine.lines)
        mishaps.still_runs(machine)
        assert not any("page at" in line for line in machine.lines[start:]), machine.console


def test_the_page_comes_back_when_the_cloud_refuses(twin, serial, tmp_path):
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, facts=_SMALL)
    rig.boot_to_the_end(path)
    twin.registry.certificates.set_status(mishaps.identity(path), "REVOKED")
    with mishaps.powered(path) as machine:
        _page_of(machine)
        stopped = mishaps.complaint(machine, "web", "stopped: memory is short")
        _page_of(machine, start=machine.lines.index(stopped))


def test_main_py_keeps_nothing_of_the_start(twin, serial, tmp_path):
    """boot.py and main.py share their names: one that stays keeps a module, with what it has imported."""
    extra = {paths.MAIN: b'print("left: %s" % ("boot" in globals()))\n'}
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=extra)
    with mishaps.powered(path) as machine:
        machine.wait_for("left: False")


def test_the_page_does_not_come_for_the_seconds_of_a_reconnection(twin, serial, tmp_path):
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, facts=_SMALL, intervals={"retry_ms": 3000})
    rig.boot_to_the_end(path)
    with mishaps.powered(path, environment={"STACK": "lwip", "NETWORK": "drops:5"}) as machine:
        gone = mishaps.complaint(machine, "mqtt", "Wi-Fi was lost; rejoining", "Trying again in")
        machine.wait_for("connected to", start=machine.lines.index(gone))
        assert "page at" not in machine.console, machine.console


@pytest.mark.parametrize(("away_ms", "comes"), [(None, True), (10_000, False), (400_000, True)])
def test_the_page_comes_when_the_cloud_was_never_there_or_has_been_away_for_long(away_ms, comes):
    """Otherwise it would leave its names, and holes in the heap, at each reconnection."""
    state = mock.MagicMock()
    state.ports.build.WEB_BESIDE_TLS = False
    state.networking.access_point = None
    state.ports.board.interval = lambda _, default_ms: default_ms
    state.services = {"mqtt": mock.Mock(condition=service.FAILING)}
    state.session = mock.Mock(is_online=lambda: False, away_ms=lambda: away_ms)
    assert web.Web("web", state)._may_start() == comes
