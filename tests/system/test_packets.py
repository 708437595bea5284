"""Every MQTT packet of the provisioning is dropped, delayed, stalled and doubled once; the board gets there.

The same run of the board must end provisioned, without a restart and without a person. `make test` takes a
part of the mishaps, `make sweep` (MUSTER_SWEEP=full) all of them. Who does such a thing to a packet: see
`packets`.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from device.core import fields
from muster.twin.server import running_twin
from muster.twin.settings import Settings
from tests.system import mishaps, rig
from tests.system.packets import KINDS, Mishap, packet_gate

_FULL = os.environ.get("MUSTER_SWEEP") == "full"
_STEP = 1 if _FULL else 7  # prime to the number of kinds, so that each is taken
_SIDE_BY_SIDE = 4  # boards at once: they wait most of the time, but two cores must keep up with them
_SMALL = Settings(authority_key="ec", claim_key="ec", key_pool=2)  # a twin that costs no seconds to start

pytestmark = pytest.mark.sweep


def _provision(gate, twin, folder, name, key_mode, mishap=None):
    """Boot a fresh board to the end, check what it became; its trace."""
    path = mishaps.flash(folder / f"{name}.img", twin, name, provisioning={fields.KEYS: key_mode})
    before = rig.certificate_ids(twin)
    trace = gate.watch(name, mishap)
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
    rig.check_provisioned(path, twin, name, before)
    assert mishap is None or mishap.number <= len(trace.packets), "the mishap did not happen"
    return trace.packets


def _provision_each(gate, folder, key_mode, cases):
    """Boards one after another on a twin of their own, whose certificates can so be counted by board.

    What went wrong, as texts.
    """
    wrong = []
    with running_twin(folder / "twin", _SMALL) as twin:
        for what, mishap in cases:
            name = f"{key_mode}-{mishap.number}-{mishap.kind}"
            try:
                _provision(gate, twin, folder, name, key_mode, mishap)
            except Exception as error:  # told together: what breaks is worth knowing as a whole
                wrong.append(f"{mishap.kind} {mishap.number} ({what}): {error}")
    return wrong


@pytest.mark.parametrize("key_mode", [fields.KEYS_CLOUD, fields.KEYS_DEVICE])
def test_every_packet(tmp_path, key_mode, capsys):
    with packet_gate() as gate:
        with running_twin(tmp_path / "twin", _SMALL) as twin:
            packets = _provision(gate, twin, tmp_path, "whole", key_mode)
        assert len(packets) > 12, "the sweep has nothing to strike"
        cases = [(what, Mishap(number, kind)) for number, what in enumerate(packets, 1) for kind in KINDS][
            ::_STEP
        ]
        folders = [tmp_path / str(number) for number in range(_SIDE_BY_SIDE)]
        for folder in folders:
            folder.mkdir()
        shares = [cases[number::_SIDE_BY_SIDE] for number in range(_SIDE_BY_SIDE)]
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            told = pool.map(
                lambda job: _provision_each(gate, job[0], key_mode, job[1]), zip(folders, shares, strict=True)
            )
            wrong = [text for texts in told for text in texts]
    assert not wrong, "\n\n".join(wrong)
    with capsys.disabled():
        print(f"\n{key_mode} keys: {len(cases)} mishaps to {len(packets)} packets, all ended provisioned")
