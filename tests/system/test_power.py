"""Power cuts: at every block operation of the flash, whole and torn, and at every message.

After each cut the board boots on what is left and must end well. `make test` takes a part of the cuts,
`make sweep` (MUSTER_SWEEP=full) all of them.
"""

import os

import pytest

from device.core import fields
from muster.virtual import EXIT_POWER_CUT
from tests.system import rig
from tests.system.records import record_relay

_FULL = os.environ.get("MUSTER_SWEEP") == "full"
_OPERATION_STEP = 1 if _FULL else 7
_MESSAGE_STEP = 1 if _FULL else 4
_MODES = [fields.KEYS_CLOUD, fields.KEYS_DEVICE]

pytestmark = pytest.mark.sweep


def _tell(capsys, key_mode, cuts, of):
    with capsys.disabled():
        print(f"\n{key_mode} keys: {cuts} power cuts over {of}, all ended provisioned")


@pytest.mark.parametrize("key_mode", _MODES)
def test_cut_at_block_operations(twin, serial, tmp_path, key_mode, capsys):
    whole = rig.flash(tmp_path / "whole.img", twin, serial, provisioning={fields.KEYS: key_mode})
    operations = len(rig.boot_to_the_end(whole).operations)
    assert operations > 20, "the sweep has nothing to cut"
    cuts = 0
    for number in range(1, operations + 1, _OPERATION_STEP):
        for tear in (False, True):
            name = f"{serial}-{number}{'t' if tear else ''}"
            path = rig.flash(tmp_path / "cut.img", twin, name, provisioning={fields.KEYS: key_mode})
            before = rig.certificate_ids(twin)
            machine = rig.board(path, cut_at=number, tear=tear).start()
            try:
                assert machine.wait(60) == EXIT_POWER_CUT, machine.console
            finally:
                machine.stop()
            rig.boot_to_the_end(path)
            rig.check_provisioned(path, twin, name, before)
            cuts += 1
    _tell(capsys, key_mode, cuts, f"{operations} block operations")


@pytest.mark.parametrize("key_mode", _MODES)
def test_cut_at_messages(twin, serial, tmp_path, key_mode, capsys):
    with record_relay(twin.port) as relay:
        whole = rig.flash(
            tmp_path / "whole.img", twin, serial, port=relay.port, provisioning={fields.KEYS: key_mode}
        )
        rig.boot_to_the_end(whole)
        messages = relay.records
        assert messages > 20, "the sweep has nothing to cut"
        cuts = 0
        for number in range(1, messages + 1, _MESSAGE_STEP):
            name = f"{serial}-{number}"
            path = rig.flash(
                tmp_path / "cut.img", twin, name, port=relay.port, provisioning={fields.KEYS: key_mode}
            )
            before = rig.certificate_ids(twin)
            rig.boot_cut_at(path, relay, number)
            rig.boot_to_the_end(path)
            rig.check_provisioned(path, twin, name, before)
            cuts += 1
    _tell(capsys, key_mode, cuts, f"{messages} TLS records")
