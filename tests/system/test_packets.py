"""Every MQTT packet of the provisioning is dropped, delayed, stalled and doubled once; the board gets there.

The same run of the board must end provisioned, without a restart and without a person. `make test` takes a
part of the mishaps, `make sweep` (MUSTER_SWEEP=full) all of them. Who does such a thing to a packet: see
`packets`.

A request that is doubled, or comes when the board has given it up, makes a certificate that the board never
hears of. That is right, and what AWS does: it stays PENDING_ACTIVATION and goes with its token, after an
hour. So `rig.check_provisioned` asks here what it asks everywhere: two certificates at most, one of them
active, and its key on the board.
"""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from device.core import fields
from muster.twin.server import running_twin
from muster.twin.settings import Settings
from tests.system import mishaps, rig
from tests.system.packets import KINDS, Mishap, packet_gate

_FULL = os.environ.get("MUSTER_SWEEP") == "full"
_STEP = 1 if _FULL else 11  # no multiple of a kind's turn, so that each kind is taken
_SIDE_BY_SIDE = 6  # boards at once: they wait most of the time, but two cores must keep up with them
_SMALL = Settings(authority_key="ec", claim_key="ec", key_pool=2)  # a twin that starts at once

pytestmark = pytest.mark.sweep


def _provision(gate, twin, folder, name, key_mode, mishap=None):
    """Boot a fresh board to the end and check what it became; the packets that went to and fro."""
    path = mishaps.flash(folder / f"{name}.img", twin, name, provisioning={fields.KEYS: key_mode})
    before = rig.certificate_ids(twin)
    trace = gate.watch(name, mishap)
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
    rig.check_provisioned(path, twin, name, before)
    assert mishap is None or mishap.number <= len(trace.packets), "the mishap did not happen"
    return trace.packets


def _meet(gate, folder, key_mode, cases):
    """Give each Mishap of `cases` to a board; {mishap: what went wrong}.

    The boards share a twin, one after another: only so can the certificates of each be counted.
    """
    folder.mkdir()
    wrong = {}
    with running_twin(folder / "twin", _SMALL) as twin:
        for mishap in cases:
            name = f"{key_mode}-{mishap.number}-{mishap.kind}"
            try:
                _provision(gate, twin, folder, name, key_mode, mishap)
            except Exception as error:  # told together at the end: which packets break it says the most
                wrong[mishap] = error
    return wrong


@pytest.mark.parametrize("key_mode", [fields.KEYS_CLOUD, fields.KEYS_DEVICE])
def test_every_packet(tmp_path, key_mode, capsys):
    wrong = {}
    with packet_gate() as gate, ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        with running_twin(tmp_path / "twin", _SMALL) as twin:
            packets = _provision(gate, twin, tmp_path, f"{key_mode}-whole", key_mode)
        assert len(packets) > 12, "the sweep has nothing to strike"
        everything = itertools.starmap(Mishap, itertools.product(range(1, len(packets) + 1), KINDS))
        cases = list(everything)[::_STEP]
        jobs = [
            pool.submit(_meet, gate, tmp_path / str(at), key_mode, cases[at::_SIDE_BY_SIDE])
            for at in range(_SIDE_BY_SIDE)
        ]
        for job in jobs:
            wrong.update(job.result())
    told = [f"{kind} {number} ({packets[number - 1]}): {error}" for (number, kind), error in wrong.items()]
    assert not told, "\n\n".join(told)
    with capsys.disabled():
        print(f"\n{key_mode} keys: {len(cases)} mishaps to {len(packets)} packets, all ended provisioned")
