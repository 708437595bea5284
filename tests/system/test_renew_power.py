"""Power cuts over one renewal: at every block operation of the flash, whole and torn, and at every message.

After each cut the board boots on what is left: it has an identity that works, and in the end the new one.
`make test` takes a part of the cuts, `make sweep` all of them.
"""

import os
import shutil

import pytest

from device.core import fields, paths, slots
from muster.registry.certificates import ACTIVE, REVOKED
from muster.virtual import EXIT_POWER_CUT
from tests.system import mishaps, renewals, rig
from tests.system.records import record_relay

_FULL = os.environ.get("MUSTER_SWEEP") == "full"
_OPERATION_STEP = 1 if _FULL else 9
_MESSAGE_STEP = 1 if _FULL else 6

pytestmark = pytest.mark.sweep


class Board:
    """A board whose certificate is due, which can be had again and again."""

    def __init__(self, folder, twin, serial, mode, port=None):
        self.twin, self.serial = twin, serial
        self.image, self.path = folder / "due.img", folder / "flash.img"
        self.first = renewals.due(self.image, twin, serial, mode, None, port)
        renewals.without_claim(self.image)

    def again(self):
        """The flash as it was before the renewal; the twin as well, except for what is over."""
        certificates = self.twin.registry.certificates
        for certificate_id in renewals.statuses(self.twin, self.serial):
            is_first = certificate_id == self.first
            certificates.set_status(certificate_id, ACTIVE if is_first else REVOKED)
        shutil.copy(self.image, self.path)

    def until_renewed(self):
        """Boot until the board is on line with its new identity, and the old one is over; the machine."""
        machine = rig.board(self.path).start()
        try:
            machine.wait_for(rig.DONE)
            if self.identity() == self.first:
                machine.wait_for(renewals.RENEWED)
        finally:
            machine.stop()
        return machine

    def identity(self):
        """The certificate id of the identity on the flash."""
        return mishaps.identity(self.path)

    def check(self):
        """One whole identity, and only its certificate is active."""
        files = rig.on_flash(self.path)
        slot = {name: files.get(f"{paths.CERT}/{name}") for name in (*slots.FILES, paths.IDENTITY)}
        value = slots.document(slot)
        assert value is not None, "no whole identity"
        active = self.active()
        assert active == [value[fields.CERTIFICATE_ID]] != [self.first], "an orphan is active"
        assert not [name for name in files if name.endswith(paths.NEW) or name.startswith(paths.TRIAL)]

    def active(self):
        found = renewals.statuses(self.twin, self.serial)
        return [certificate_id for certificate_id, status in found.items() if status == ACTIVE]


def _tell(capsys, mode, cuts, of):
    with capsys.disabled():
        print(f"\n{mode} keys: {cuts} power cuts over the {of} of a renewal, all ended renewed")


@pytest.mark.parametrize("mode", renewals.MODES)
def test_cut_at_block_operations(renewing_twin, serial, tmp_path, mode, capsys):
    board = Board(tmp_path, renewing_twin, serial, mode)
    board.again()
    operations = len(board.until_renewed().operations)
    assert operations > 20, "the sweep has nothing to cut"
    cuts = 0
    for number in range(1, operations + 1, _OPERATION_STEP):
        for tear in (False, True):
            board.again()
            machine = rig.board(board.path, cut_at=number, tear=tear).start()
            try:
                assert machine.wait(60) == EXIT_POWER_CUT, machine.console
            finally:
                machine.stop()
            assert 1 <= len(board.active()) <= 2
            board.until_renewed()
            board.check()
            cuts += 1
    _tell(capsys, mode, cuts, f"{operations} block operations")


@pytest.mark.parametrize("mode", renewals.MODES)
def test_cut_at_messages(renewing_twin, serial, tmp_path, mode, capsys):
    with record_relay(renewing_twin.port) as relay:
        board = Board(tmp_path, renewing_twin, serial, mode, relay.port)
        board.again()
        relay.records = 0
        board.until_renewed()
        messages = relay.records
        cuts = 0
        for number in range(1, messages + 1, _MESSAGE_STEP):
            board.again()
            rig.boot_cut_at(board.path, relay, number)
            assert 1 <= len(board.active()) <= 2
            board.until_renewed()
            board.check()
            cuts += 1
    _tell(capsys, mode, cuts, f"{messages} messages")
