"""Slots: hostile content is "not whole", and recovery leads from every state to one whole identity."""

import json

from device.core import config, fields, paths, slots

_FILES = {paths.ROOT_CA: b"root", paths.CERTIFICATE: b"certificate", paths.PRIVATE_KEY: b"key"}


def _sealed(name="SN-1"):
    files = dict(_FILES)
    files[paths.IDENTITY] = slots.seal(files, name, "a.example", 8883, "ab" * 32, {"zone": "north"})
    return files


def test_a_sealed_slot_opens_with_everything_in_it():
    found = slots.opened(_sealed())
    assert (found.root_ca, found.certificate, found.private_key) == (b"root", b"certificate", b"key")
    assert (found.thing_name, found.endpoint, found.port) == ("SN-1", "a.example", 8883)
    assert found.certificate_id == "ab" * 32
    assert slots.document(_sealed())[fields.DEVICE_CONFIGURATION] == {"zone": "north"}


def test_digest_is_sha256():
    assert slots.digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_seal_holds_no_secret():
    assert b"key" not in slots.seal(_FILES, "n", "e", 1, "id", {}).replace(paths.PRIVATE_KEY.encode(), b"")


def test_a_missing_or_changed_file_is_not_whole():
    for name in slots.FILES + (paths.IDENTITY,):
        for content in (None, b"", b"other"):
            files = _sealed()
            files[name] = content
            assert slots.document(files) is None and slots.opened(files) is None, (name, content)
        files = _sealed()
        del files[name]
        assert slots.document(files) is None and slots.opened(files) is None, name
    assert slots.opened({}) is None


def test_files_of_two_identities_never_open():
    other = {name: b"other " + _FILES[name] for name in _FILES}
    other[paths.IDENTITY] = slots.seal(other, "SN-2", "a.example", 8883, "cd" * 32, {})
    mine = _sealed()
    names = slots.FILES + (paths.IDENTITY,)
    for choice in range(1, 15):
        mixed = {name: (mine if choice >> at & 1 else other)[name] for at, name in enumerate(names)}
        assert slots.opened(mixed) is None, choice


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
    assert slots.match(_FILES, slots.digests(_FILES))
    for expected in (None, {}, [], "x", {"certificate.pem.crt": None}, {paths.ROOT_CA: 5}):
        assert not slots.match(_FILES, expected)
    assert not slots.match({}, slots.digests(_FILES))
    assert not slots.match({name: None for name in _FILES}, slots.digests(_FILES))


def test_credentials_of_another_tool_are_adopted_only_when_the_file_says_provisioned():
    device = {fields.SERIAL_ID: "SN-1", fields.ENDPOINT_URL: "a.example"}
    provisioned = config.Settings({fields.DEVICE: dict(device, PROVISION_STATUS="True")})
    fresh = config.Settings({fields.DEVICE: device})
    found = slots.adopted(_FILES, provisioned)
    assert (found.thing_name, found.endpoint, found.port) == ("SN-1", "a.example", 8883)
    assert slots.adopted(_FILES, fresh) is None
    assert slots.adopted(dict(_FILES, **{paths.IDENTITY: b"{"}), provisioned) is None, (
        "a broken seal stays broken"
    )
    for name in slots.FILES:
        assert slots.adopted(dict(_FILES, **{name: None}), provisioned) is None
        assert slots.adopted(dict(_FILES, **{name: b""}), provisioned) is None


def _apply(flash, operations):
    """Carry out `operations` on {path: slot}, as the store does."""
    for operation in operations:
        if operation[0] == slots.RENAME:
            assert operation[2] not in flash, "a directory is only renamed to a free name"
            flash[operation[2]] = flash.pop(operation[1])
        else:
            assert operation[0] == slots.REMOVE
            flash.pop(operation[1], None)


def _recover(flash):
    active, trial, old = (flash.get(path) for path in (paths.CERT, paths.TRIAL, paths.OLD))
    operations = slots.recover(
        active is not None, active == "whole", trial == "whole", None if old is None else old == "whole"
    )
    _apply(flash, operations)
    return operations


def test_recover_from_every_state():
    states = (None, "whole", "broken")
    for active in states:
        for trial in states:
            for old in states:
                flash = {paths.CERT: active, paths.TRIAL: trial, paths.OLD: old}
                flash = {path: flash[path] for path in flash if flash[path]}
                before = dict(flash)
                _recover(flash)
                if trial == "whole":
                    assert flash == {paths.CERT: "whole"}, before
                elif active:
                    assert flash[paths.CERT] == active, before
                else:
                    assert flash.get(paths.CERT) == ("whole" if old == "whole" else None), before
                assert _recover(flash) == [], ("a second look finds nothing to do", before, flash)


def test_promotion_cut_anywhere_is_finished_by_recovery():
    for active in (None, "whole", "broken"):
        for old in (None, "whole", "broken"):
            start = {paths.CERT: active, paths.TRIAL: "whole", paths.OLD: old}
            start = {path: start[path] for path in start if start[path]}
            operations = slots.promote(active is not None)
            for done in range(len(operations) + 1):
                flash = dict(start)
                _apply(flash, operations[:done])
                _recover(flash)
                assert flash == {paths.CERT: "whole"}, (start, done)
