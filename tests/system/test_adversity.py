"""A board that lacks something goes on, and says what is wrong: the sentences of its page."""

import json

import pytest

from device.core import fields, paths
from muster.image.filesystem import mount
from muster.layout import LIB
from tests.system import mishaps, rig
from tests.system.test_network import NO_CLOUD, OPEN

# Prints what the page shows, to everybody and to who has logged in, when it changes.
TELLER = """
    from device.runtime import problems
    told = None
    while True:
        found = [problems.problems(state, is_owner) for is_owner in (False, True)]
        if found != told:
            told = found
            for kind, texts in zip(("all", "owner"), found):
                self.say("%s %s" % (kind, " | ".join(texts) or "nothing is wrong"))
        await state.ports.clock.sleep_ms(50)
"""


def _flash(path, twin, serial, changes=None):
    text = (LIB / "device/runtime/problems.py").read_text()  # in the image even when no page is
    extra = {**mishaps.service("teller", TELLER), **mishaps.compiled("device/runtime/problems.py", text)}
    mishaps.flash(path, twin, serial, services=["teller"], extra=extra)
    mishaps.edit(path, changes or {})
    return path


def _filled(path):
    """Put a file into the image that leaves no block."""
    file_system = mount(path.read_bytes(), rig.BOARD)
    with file_system.open("/filler", "wb") as file:
        while file_system.block_count > file_system.used_block_count:
            file.write(b"x" * file_system.cfg.block_size)
            file.flush()
    file_system.unmount()
    path.write_bytes(bytes(file_system.context.buffer))
    return path


OF_FILES = {
    paths.CONFIG: (b'{"services": {"mq', f"{paths.CONFIG}: lacks the JSON object services; correct the file"),
    paths.CONF: (b"{", f"{paths.CONF}: is not valid JSON (1 bytes); correct the file"),
    paths.WIFI: (b'{"networks": [{"ss', f"{paths.WIFI}: is not valid JSON"),
}


@pytest.mark.parametrize("path", OF_FILES, ids=lambda path: path.rpartition("/")[2])
def test_a_broken_file_is_named_to_everybody(twin, serial, tmp_path, path):
    raw, sentence = OF_FILES[path]
    image = _flash(tmp_path / "flash.img", twin, serial, {path: raw})
    with mishaps.powered(image) as machine:
        mishaps.complaint(machine, "teller     all", sentence)
        mishaps.complaint(machine, "teller     owner", sentence)
        if path == paths.WIFI:
            machine.wait_for(OPEN)
        else:
            machine.wait_for("network    joined")
        if path == paths.CONFIG:
            machine.wait_for(rig.DONE)
        mishaps.still_runs(machine)


def test_a_board_on_a_full_flash_goes_on_and_says_so(twin, serial, tmp_path):
    image = _filled(_flash(tmp_path / "flash.img", twin, serial))
    with mishaps.powered(image) as machine:
        mishaps.complaint(machine, "teller     all the flash is full", "delete files you do not need")
        machine.wait_for("network    joined")
        mishaps.still_runs(machine)


def test_a_board_without_a_cloud_has_nothing_to_complain_of(twin, serial, tmp_path):
    claim = {mishaps.claim_path(name): None for name in paths.CREDENTIALS}
    image = _flash(tmp_path / "flash.img", twin, serial, {**NO_CLOUD, **claim})
    with mishaps.powered(image) as machine:
        machine.wait_for("network    joined")
        machine.wait_for("teller     all nothing is wrong")
        assert "failing" not in machine.wait_for("heartbeat")


def test_a_board_without_credentials_says_which_file_is_missing(twin, serial, tmp_path):
    claim = {mishaps.claim_path(name): None for name in paths.CREDENTIALS}
    image = _flash(tmp_path / "flash.img", twin, serial, claim)
    with mishaps.powered(image) as machine:
        mishaps.complaint(machine, "teller     all", "provision: ", "is missing; copy the claim credentials")
        machine.wait_for("network    joined")


def test_a_board_without_the_internet_names_the_server_only_to_its_owner(twin, serial, tmp_path):
    image = _flash(tmp_path / "flash.img", twin, serial)
    with mishaps.powered(image, environment={"DNS": "down"}) as machine:
        machine.wait_for("network    joined")
        mishaps.complaint(machine, "teller     owner", "provision: ", "no address found for localhost")
        everybody = mishaps.complaint(machine, "teller     all", "provision: fails; log in to see the reason")
        assert "localhost" not in everybody
        mishaps.still_runs(machine)


def test_a_board_without_a_known_network_says_how_to_give_it_one(twin, serial, tmp_path):
    none = json.dumps({fields.NETWORKS: []}).encode()
    image = _flash(tmp_path / "flash.img", twin, serial, {paths.WIFI: none})
    with mishaps.powered(image) as machine:
        machine.wait_for(OPEN)
        line = mishaps.complaint(
            machine,
            "teller     all",
            "no Wi-Fi network is configured",
            "give the board a network on this page",
        )
        assert "|" not in line, "nobody else complains of the same"
        mishaps.still_runs(machine)


def test_a_board_that_is_out_of_range_names_the_network_only_to_its_owner(twin, serial, tmp_path):
    image = _flash(tmp_path / "flash.img", twin, serial)
    with mishaps.powered(image, environment={"NETWORK": "down"}) as machine:
        mishaps.complaint(machine, "teller     owner", "no Wi-Fi (workshop: not in range)")
        everybody = mishaps.complaint(machine, "teller     all no known Wi-Fi network can be joined")
        assert "workshop" not in everybody
        machine.wait_for(OPEN)
