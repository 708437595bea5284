"""Power cuts: at every block operation of the flash, whole and torn; then the board boots on what is left.

`make test` takes every few operations, `make sweep` (MUSTER_SWEEP=full) all of them.
"""

import os

import pytest

from device.core import keys
from tests.system import rig

_STEP = 1 if os.environ.get("MUSTER_SWEEP") == "full" else 5


@pytest.mark.parametrize("key_mode", [keys.KEYS_CLOUD, keys.KEYS_DEVICE])
def test_cut_at_block_operations(twin, serial, tmp_path, key_mode, capsys):
    whole = rig.flash(tmp_path / "whole.img", twin, serial, provisioning={keys.KEYS: key_mode})
    operations = len(rig.boot_to_the_end(whole).operations)
    assert operations > 20, "the sweep has nothing to cut"
    cuts = 0
    for number in range(1, operations + 1, _STEP):
        for tear in (False, True):
            name = f"{serial}-{number}{'t' if tear else ''}"
            path = rig.flash(tmp_path / "cut.img", twin, name, provisioning={keys.KEYS: key_mode})
            before = rig.certificate_ids(twin)
            _cut(path, number, tear)
            rig.boot_to_the_end(path)
            rig.check_provisioned(path, twin, name, before)
            cuts += 1
    with capsys.disabled():
        print(f"\n{key_mode} keys: {cuts} power cuts over {operations} block operations, all ended provisioned")


def _cut(path, number, tear):
    """Boot a board that loses its power at this operation."""
    machine = rig.board(path, cut_at=number, tear=tear).start()
    try:
        assert machine.wait(60) == rig.EXIT_POWER_CUT, machine.console
    finally:
        machine.stop()
