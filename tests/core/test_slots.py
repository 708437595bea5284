"""Slots: hostile content is "not whole", and no cut of a promotion leaves less than one whole identity."""

import json

from device.core import fields, paths, settings, slots
from flash import Flash, PowerCut

_FILES = {paths.ROOT_CA: b"root", paths.CERTIFICATE: b"certificate", paths.PRIVATE_KEY: b"key"}
_IDENTITY = slots.Identity("SN-1", "a.example", 8883, "ab" * 32)
_MOMENTS = 40  # more changes than any promotion makes


def _sealed(identity=_IDENTITY, mark=b""):
    files = {name: mark + _FILES[name] for name in _FILES}
    files[paths.IDENTITY] = slots.seal(slots.digests(files), identity, {"zone": "north"})
    return files


def _other():
    return slots.Identity("SN-2", "b.example", 443, "cd" * 32)


def _opened(files):
    value = slots.document(files)
    return value and slots.opened(value)


def test_a_sealed_slot_opens_with_everything_in_it():
    assert _opened(_sealed()) == _IDENTITY
    assert slots.document(_sealed())[fields.DEVICE_CONFIGURATION] == {"zone": "north"}
    assert _opened(_sealed(_other(), b"other ")) == _other()


def test_digest_is_sha256():
    assert slots.digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_digests_are_those_of_the_three_files():
    found = slots.digests(_sealed())
    assert sorted(found) == sorted(slots.FILES)
    for name in slots.FILES:
        assert found[name] == slots.digest(_FILES[name])
        assert slots.digests(dict(_FILES, **{name: b""}))[name] is None
        assert slots.digests(dict(_FILES, **{name: None}))[name] is None
    assert slots.digests({}) == {name: None for name in slots.FILES}


def test_the_seal_holds_no_secret():
    seal = slots.seal(slots.digests(_FILES), _IDENTITY, {})
    assert b"key" not in seal.replace(paths.PRIVATE_KEY.encode(), b"")


def test_a_missing_or_changed_file_is_not_whole():
    for name in slots.FILES + (paths.IDENTITY,):
        for content in (None, b"", b"other"):
            files = _sealed()
            files[name] = content
            assert slots.document(files) is None, (name, content)
        files = _sealed()
        del files[name]
        assert slots.document(files) is None, name
    assert slots.document({}) is None


def test_files_of_two_identities_never_open():
    other, mine = _sealed(_other(), b"other "), _sealed()
    names = slots.FILES + (paths.IDENTITY,)
    for choice in range(1, 15):
        mixed = {name: (mine if choice >> at & 1 else other)[name] for at, name in enumerate(names)}
        assert slots.document(mixed) is None, choice


def test_hostile_identity_json_is_not_whole():
    good = json.loads(_sealed()[paths.IDENTITY].decode())
    for raw in (b"", b"{", b"null", b"[]", b"\xff", b"{}", b"[" * 9000, b"[" * 4000 + b"]" * 4000, b"5"):
        assert slots.document(dict(_FILES, **{paths.IDENTITY: raw})) is None, raw[:20]
    for name in (fields.THING_NAME, fields.ENDPOINT, fields.CERTIFICATE_ID, fields.PORT, fields.DIGESTS):
        for value in (None, [], {}, 1.5, ["x"], {"a": "b"}):
            bad = dict(good)
            bad[name] = value
            files = dict(_FILES)
            files[paths.IDENTITY] = json.dumps(bad).encode()
            assert slots.document(files) is None, (name, value)
        bad = dict(good)
        del bad[name]
        files[paths.IDENTITY] = json.dumps(bad).encode()
        assert slots.document(files) is None, name


def test_every_beginning_of_identity_json_is_not_whole():
    files = _sealed()
    whole = files[paths.IDENTITY]
    for size in range(len(whole)):
        files[paths.IDENTITY] = whole[:size]
        assert slots.document(files) is None, size


def test_match_takes_nothing_for_granted():
    found = slots.digests(_FILES)
    assert slots.match(found, slots.digests(_FILES))
    for expected in (None, {}, [], "x", {paths.CERTIFICATE: None}, {paths.ROOT_CA: 5}):
        assert not slots.match(found, expected)
    nothing = slots.digests({})
    assert not slots.match(nothing, found) and not slots.match(nothing, nothing)
    for name in slots.FILES:
        assert not slots.match(slots.digests(dict(_FILES, **{name: b"other"})), found)
        assert not slots.match(slots.digests(dict(_FILES, **{name: None})), found)


def _settings(**device):
    device.update({fields.SERIAL_ID: "SN-1", fields.ENDPOINT_URL: "a.example"})
    return settings.settings({fields.DEVICE: device})


def test_credentials_of_another_tool_are_adopted_only_when_the_file_says_provisioned():
    provisioned = _settings(PROVISION_STATUS=fields.TRUE)
    expected = slots.Identity("SN-1", "a.example", 8883, slots.digest(b"certificate"))
    assert slots.adopted(_FILES, provisioned) == expected
    assert slots.adopted(_FILES, _settings()) is None
    broken = dict(_FILES, **{paths.IDENTITY: b"{"})
    assert slots.adopted(broken, provisioned) is None, "a broken seal stays broken"
    for name in slots.FILES:
        assert slots.adopted(dict(_FILES, **{name: None}), provisioned) is None
        assert slots.adopted(dict(_FILES, **{name: b""}), provisioned) is None


def test_what_is_replaced_is_known_by_its_certificate():
    assert slots.replaced(_sealed()) == _IDENTITY.certificate_id
    assert slots.replaced(_FILES) == slots.digest(b"certificate"), "a slot without a seal"
    assert slots.replaced(dict(_sealed(), **{paths.ROOT_CA: b"damaged"})) == slots.digest(b"certificate")
    for name in (paths.CERTIFICATE, paths.PRIVATE_KEY):
        assert slots.replaced(dict(_sealed(), **{name: None})) is None
        assert slots.replaced(dict(_sealed(), **{name: b""})) is None
    assert slots.replaced(None) is None and slots.replaced({}) is None


def _flash(active):
    """A flash with these files in the active slot, and a sealed identity on trial."""
    flash = Flash()
    for directory, files in ((paths.CERT, active), (paths.TRIAL, _sealed(_other(), b"other "))):
        for name in files or {}:
            flash.write(directory + "/" + name, files[name])
    return flash


def _cut_promotion(flash, moment):
    """Promote as a boot does, with a cut after `moment` changes; whether there was one."""
    flash.cut_after(moment)
    try:
        flash.apply(slots.promote(slots.replaced(flash.read_slot(paths.CERT))))
    except PowerCut:
        return True
    finally:
        flash.cut_after(None)
    return False


def test_a_promotion_cut_anywhere_ends_in_one_identity_and_loses_no_key():
    for active in (None, _sealed(), _FILES, dict(_sealed(), **{paths.IDENTITY: b"broken"})):
        moment = 0
        while True:
            flash = _flash(active)
            was_cut = _cut_promotion(flash, moment)
            trial = flash.read_slot(paths.TRIAL)
            if trial and slots.document(trial):  # as at the next boot
                flash.apply(slots.promote(slots.replaced(flash.read_slot(paths.CERT))))
            assert _opened(flash.read_slot(paths.CERT)) == _other()
            assert not flash.exists(paths.TRIAL)
            if active:
                aside = flash.read_slot(slots.kept(slots.replaced(active)))
                assert {name: aside[name] for name in active} == active
            if not was_cut:
                break
            moment += 1
            assert moment < _MOMENTS
        assert moment >= (2 if active else 1)


def test_a_slot_without_a_key_is_not_put_aside():
    flash = _flash({paths.CERTIFICATE: b"certificate", paths.ROOT_CA: b"root"})
    _cut_promotion(flash, None)
    assert not flash.exists(paths.KEPT)
    assert _opened(flash.read_slot(paths.CERT)) == _other()
