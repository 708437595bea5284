"""An identity that has expired, and identities that are given up: no key is lost."""

import json
import time

from device.core import fields, paths, slots
from muster.registry.certificates import ACTIVE
from muster.twin import pki
from tests.system import mishaps, rig

PERSON = "Trying again in 18"  # half an hour
_NAME = "the certificate of this board expired on"


def _expired(twin, serial):
    """{path on flash: content} of a sealed identity that was good until an hour ago, and its id."""
    now_s = time.time()
    key = pki.new_key("ec")
    authority = pki.Authority(twin.home, twin.settings.authority_key)
    certificate_id, pem = authority.issue(key.public_key(), now_s - 7200, now_s - 3600)
    twin.registry.certificates.add(certificate_id, pem, ACTIVE, now_s - 7200, now_s - 3600, is_claim=False)
    files = {
        paths.ROOT_CA: twin.ca_pem_path.read_bytes(),
        paths.CERTIFICATE: pem.encode(),
        paths.PRIVATE_KEY: pki.key_pem(key).encode(),
    }
    identity = slots.Identity(serial, "localhost", twin.port, certificate_id)
    files[paths.IDENTITY] = slots.seal(slots.digests(files), identity, {})
    return {f"{paths.CERT}/{name}": data for name, data in files.items()}, certificate_id


def _image(path, twin, serial, changes, **options):
    """A board with an expired identity."""
    mishaps.flash(path, twin, serial, **options)
    slot, certificate_id = _expired(twin, serial)
    mishaps.edit(path, {**slot, **changes})
    return slot, certificate_id


def test_without_a_good_claim_it_is_said(twin, serial, tmp_path):
    """What the board can do then depends on the claim credentials and on the budget of the day."""
    today = int(time.time()) // 86400
    spent = {fields.VERSION: 1, fields.STEP: "idle", fields.BUDGET_DAY: today, fields.BUDGET_USED: 1}
    no_claim = {mishaps.claim_path(name): None for name in slots.FILES}
    cases = {
        "no-claim": (no_claim, (_NAME, "with claim credentials", PERSON)),
        "no-key": ({mishaps.claim_path(paths.PRIVATE_KEY): None}, (_NAME, "with claim credentials", PERSON)),
        "no-budget": (
            {paths.JOURNAL: json.dumps(spent).encode()},
            ("today's budget of 1 new certificates is used up", PERSON),
        ),
    }
    images = {name: tmp_path / f"{name}.img" for name in cases}
    budget = {fields.DAILY_CERTIFICATES: 1}
    slot_of = {}
    for name, (changes, _) in cases.items():
        slot_of[name], _ = _image(images[name], twin, f"{serial}-{name}", changes, provisioning=budget)
    before = rig.certificate_ids(twin)
    with mishaps.crowd(images) as machines:
        for name, (_, parts) in cases.items():
            mishaps.complaint(machines[name], _NAME)
            mishaps.complaint(machines[name], "mqtt", *parts)
            mishaps.still_runs(machines[name])
            assert "revoked" not in machines[name].console
    assert rig.certificate_ids(twin) == before
    for name, path in images.items():
        assert slot_of[name].items() <= rig.on_flash(path).items(), "the identity is left as it was"


def test_with_a_good_claim_it_provisions_anew(twin, serial, tmp_path):
    path = tmp_path / "flash.img"
    slot, certificate_id = _image(path, twin, serial, {})
    before = rig.certificate_ids(twin)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, _NAME, "the clock says")
        machine.wait_for(rig.DONE)
    assert "revoked" not in machine.console
    rig.check_provisioned(path, twin, serial, before)
    assert mishaps.identity(path) != certificate_id
    files = rig.on_flash(path)
    for name in (paths.PRIVATE_KEY, paths.CERTIFICATE):
        assert files[f"{slots.kept(certificate_id)}/{name}"] == slot[f"{paths.CERT}/{name}"], "the old key"
    told = json.loads(files[paths.PROVISION])
    assert told[fields.CERTIFICATE_ID] == mishaps.identity(path)
    again = rig.boot_to_the_end(path)
    assert "expired" not in again.console


def test_two_identities_given_up_keep_two_keys(twin, serial, tmp_path):
    """Their certificates were registered, and may be active: each key is kept, whatever it is worth."""
    twin.registry.faults.add("create-keys", "stranger", client=serial, count=2)
    path = mishaps.flash(tmp_path / "flash.img", twin, serial)
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
    twin.registry.faults.clear()
    assert machine.console.count("does not match the private key") == 2
    keys = {
        name: data
        for name, data in rig.on_flash(path).items()
        if name.startswith(paths.KEPT) and name.endswith(paths.PRIVATE_KEY)
    }
    assert len(keys) == 2 and len(set(keys.values())) == 2
    made = {row.certificate_id for row in twin.registry.certificates.of_thing(serial)}
    assert {name.split("/")[-2] for name in keys} == made - {mishaps.identity(path)}
