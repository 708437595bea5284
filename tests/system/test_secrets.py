"""Nothing secret is told: not on the console, not in the twin's log; keys lie where they belong.

`mishaps.powered` looks at the console of every board in test_bad_input, test_bad_cloud and test_loop.
"""

import logging

import pytest

from device.core import fields, paths
from muster.twin.provisioning import Provisioning
from tests.system import mishaps, rig

SLOTS = (paths.CERT, paths.TRIAL, paths.BOOTSTRAP)
SECRET_FIELDS = (fields.PRIVATE_KEY, fields.OWNERSHIP_TOKEN, fields.CERTIFICATE_PEM)


@pytest.fixture
def issued(monkeypatch):
    """{name: text} of everything that the twin hands out, also of what never gets to a board."""
    found = {}

    def recorded(method):
        async def call(self, payload):
            answer = await method(self, payload)
            for field in SECRET_FIELDS:
                text = answer.get(field, "").encode()
                for body in mishaps.BODY.findall(text) or [text]:
                    found[f"{field} #{len(found)}"] = b"".join(body.split()).decode()
            return answer

        return call

    for name in ("create_keys", "create_from_csr"):
        monkeypatch.setattr(Provisioning, name, recorded(getattr(Provisioning, name)))
    return found


def _check(machines, issued, log, files):
    """Assert that neither consoles nor log show anything that was issued, or lies on a board."""
    hidden = dict(issued)
    for content in files:
        hidden.update(mishaps.secrets(content))
    for machine in machines:
        assert not mishaps.leaks(machine.console, hidden), machine.console
    assert not mishaps.leaks(log, hidden)


@pytest.mark.parametrize("key_mode", [fields.KEYS_CLOUD, fields.KEYS_DEVICE])
def test_a_good_run(twin, serial, tmp_path, issued, caplog, key_mode):
    caplog.set_level(logging.DEBUG, logger="muster")
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, provisioning={fields.KEYS: key_mode})
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        mishaps.still_runs(machine)
    assert len([name for name in issued if issued[name]]) >= 2
    assert serial in caplog.text, "the twin's log was looked at"
    _check([machine], issued, caplog.text, [rig.on_flash(path)])
    _check_places(rig.on_flash(path))


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        *(
            (stage, kind)
            for stage in ("create-keys", "register")
            for kind in ("garbage", "huge", "incomplete")
        ),
        ("create-keys", "stranger"),
        ("create-keys", "lose-answer"),
        ("register", "reject"),
    ],
)
def test_a_bad_answer(twin, serial, tmp_path, issued, caplog, stage, kind):
    caplog.set_level(logging.DEBUG, logger="muster")
    twin.registry.faults.add(stage, kind, client=serial)
    path = mishaps.flash(tmp_path / "flash.img", twin, serial)
    with mishaps.powered(path) as machine:
        machine.wait_for("provisioning continues in main.py")
    assert issued
    _check([machine], issued, caplog.text, [rig.on_flash(path)])
    _check_places(rig.on_flash(path))
    twin.registry.faults.clear()


def _check_places(files):
    """Assert that private keys lie in slots and claim credentials only, and tokens in the journal only."""
    for name, data in files.items():
        folder, _, file = name.rpartition("/")
        if b"PRIVATE KEY-----" in data and not name.startswith(paths.LIB):
            in_slot = folder in SLOTS or folder.startswith(paths.KEPT + "/")
            assert in_slot and file == paths.PRIVATE_KEY, f"a key lies in {name}"
        if name != paths.JOURNAL and not name.startswith(paths.LIB):
            assert fields.OWNERSHIP_TOKEN.encode() not in data, f"a token lies in {name}"


def test_a_token_is_forgotten(twin, serial, tmp_path):
    """Once it is used, it is not kept."""
    path = mishaps.flash(tmp_path / "flash.img", twin, serial)
    rig.boot_to_the_end(path)
    assert "the ownership token" not in mishaps.secrets(rig.on_flash(path))


def test_a_leak_is_found():
    kind = b"EC PRIVATE KEY-----"
    key = b"-----BEGIN %s\nMHcCAQEEIJ1VxDkW0Zk3hS\nq8L5b9f2nQw==\n-----END %s\n" % (kind, kind)
    token = b'{"certificateOwnershipToken": "eyJ2ZXJzaW9uIjoiMjAxOTEwMjMi"}'
    hidden = mishaps.secrets({f"{paths.CERT}/{paths.PRIVATE_KEY}": key, paths.JOURNAL: token})
    assert len(hidden) == 3
    assert mishaps.leaks("joining with marker-wifi-password-7Q", hidden)
    assert mishaps.leaks("answer CAQEEIJ1VxDkW0Zk3hSq8", hidden), "a part is enough, and lines do not matter"
    assert mishaps.leaks("token eyJ2ZXJzaW9uIjoiMjAx..", hidden)
    assert not mishaps.leaks("save the identity (certificate.pem.crt, private.pem.key)", hidden)


def test_a_misplaced_key_is_found():
    with pytest.raises(AssertionError, match="a key lies in"):
        _check_places({paths.PROVISION: b"-----BEGIN RSA PRIVATE KEY-----"})
    with pytest.raises(AssertionError, match="a token lies in"):
        _check_places({paths.PROVISION: fields.OWNERSHIP_TOKEN.encode()})
