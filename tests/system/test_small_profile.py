"""Build profile `small`: the page and a TLS connection are never in memory together."""

from device.core import paths
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
