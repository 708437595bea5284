"""Registering and being claimed, with a power cut after any change of the flash, and a flash that fails."""

import json

from check import raises
from device.core import conf_file, fields, http, paths, settings
from device.core.failures import AGAIN, GIVE_UP, Failure, Refused
from device.runtime import building, identity, releasing, temporary
from device.runtime.state import State
from flash import Flash, PowerCut
from given import CERTIFICATE, DEVICE, PRIVATE, given_by

_CONF = b'{"device": {"SERIAL_ID": "SN-1", "PROVISION_STATUS": "False"}, "own": {"pi": 3.14159265358979}}'
_CONFIG = b'{"services": {}, "api": {"builder": "https://b/api"}}'
_ADDRESS = "https://b/api"


class _Ports:
    """A board with a flash and a builder; `answers`: what that answers to each path."""

    TLS_HEAP_BYTES = 0
    TLS_SESSIONS = 1
    WEB_BESIDE_TLS = True
    BUILD_TIME = 0

    def __init__(self, flash, answers):
        self.store = flash
        self.board = self.network = self.clock = self.build = self.log = self
        self.marked = None  # lines of the log that no cloud gets any more
        self.answers = answers
        self.asked = []

    def last(self):
        return 7

    def mark(self, number):
        self.marked = number

    def say(self, step, text, level="info"):
        pass

    def random_bytes(self, count):
        return bytes(count)

    def connected(self):
        return True

    def ms(self):
        return 0

    def unix(self):
        return 1750000000

    def set_unix(self, unix_s):
        pass

    async def wait(self, work, limit_ms):
        await work
        return True

    async def exchange(self, address, method, headers, body, path, limit_bytes, files):
        self.asked.append((address.target, json.loads(body)))
        self.store.power()  # cut before the answer is heard
        status, value = self.answers[address.target[4:]]
        return http.Answer(status, {}, json.dumps(value).encode())


def _flash():
    flash = Flash()
    for directory in ("/etc", paths.BASE):
        flash.directories.add(directory)
    flash.files[paths.CONF] = _CONF
    flash.files[paths.CONFIG] = _CONFIG
    flash.files[paths.DEVICE] = DEVICE
    return flash


def _answers(**given):
    return {
        "/device/register": (200, {"registered": True}),
        "/device/claim": (200, given_by(**given)),
        "/device/release": (200, {"released": True}),
    }


def _finish(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


def _life(flash, answers=None):
    """Register and claim once, as the two services do; the ports."""
    ports = _Ports(flash, answers or _answers())
    state = State(ports)
    if identity.told(flash).get(fields.REGISTERED) is not True:
        _finish(building.register(state, _ADDRESS))
    if not identity.has_claim(flash):
        assert _finish(building.claim(state, _ADDRESS)) == (True, 0)
    identity.know_self(state)
    return ports, state


def _credentials(flash):
    return [flash.read(paths.BOOTSTRAP + "/" + name) for name in paths.CREDENTIALS]


_WHOLE = [CERTIFICATE.encode(), CERTIFICATE.encode(), PRIVATE.encode()]


def test_registered_and_claimed():
    flash = _flash()
    ports, state = _life(flash)
    assert _credentials(flash) == _WHOLE and temporary.is_here(flash)
    assert state.settings.endpoint == "abc-ats.iot.eu-west-1.amazonaws.com"
    conf = flash.read(paths.CONF)
    assert b"3.14159265358979" in conf, "other programs' numbers are not rounded"
    register, claim = ports.asked
    assert register[1][fields.REGISTRATION_KEY] == claim[1][fields.REGISTRATION_KEY]
    temporary.drop(flash)
    assert not identity.has_claim(flash) and flash.exists(paths.BOOTSTRAP + "/" + paths.ROOT_CA)
    changes = flash.changes
    temporary.drop(flash)
    assert flash.changes == changes


def test_a_cut_after_any_change_is_mended_by_the_next_poll():
    for old in (None, "older"):
        for after in range(60):
            flash = _flash()
            if old:  # credentials that were refused, and whose removal was cut
                _life(flash, _answers(privateKey=PRIVATE.replace("AQI", "AQM")))
                flash.remove(paths.BOOTSTRAP + "/" + paths.CERTIFICATE)
            flash.cut_after(after)
            try:
                _life(flash)
                was_cut = False
            except PowerCut:
                was_cut = True
            flash.cut_after(None)
            if identity.has_claim(flash):
                assert _credentials(flash) == _WHOLE, "all three belong together"
                assert conf_file.document(flash.read(paths.CONF))["device"]["ENDPOINT_URL"]
            ports, state = _life(flash)
            keys = {body[fields.REGISTRATION_KEY] for _, body in ports.asked}
            assert len(keys) < 2 and _credentials(flash) == _WHOLE and state.settings.endpoint
            if not was_cut:
                break
        assert after > 6


def test_a_flash_that_fails_is_a_failure_and_not_the_end():
    for at in range(21):  # three changes for each file
        flash = _flash()
        flash.fail_at(at)
        if at in (3, 4, 5):
            _life(flash)  # provision.json is not essential
        else:
            raises(Failure, _life, flash)
        assert flash.failed
        _life(flash)
        assert _credentials(flash) == _WHOLE


def test_a_board_that_the_builder_has_forgotten_registers_again():
    flash = _flash()
    answers = _answers()
    answers["/device/claim"] = (404, {"error": "who?"})
    ports = _Ports(flash, answers)
    assert _finish(building.claim(State(ports), _ADDRESS)) == (False, 0)
    assert [target for target, _ in ports.asked] == ["/api/device/claim", "/api/device/register"]
    assert identity.told(flash) == {fields.REGISTERED: True}


def test_a_release_is_told_until_it_has_been_heard():
    for status, is_told in ((200, True), (404, True), (503, False), (403, False)):
        flash = _flash()
        flash.write(paths.RELEASE, b"{}")
        answers = _answers()
        answers["/device/release"] = (status, {"released": True})
        state = State(_Ports(flash, answers))
        if is_told:
            _finish(building.release(state, _ADDRESS))
        else:
            raises(Failure, _finish, building.release(state, _ADDRESS))
        assert flash.exists(paths.RELEASE) is not is_told


def test_only_the_refusal_of_temporary_credentials_removes_them():
    step = "connect with the claim certificate"
    for failure, is_gone in (
        (None, True),
        (Refused(AGAIN, "closed", "", step), True),
        (Failure(GIVE_UP, "expired", "", step), True),
        (Failure(AGAIN, "no answer", "", step), False),
        (Failure(GIVE_UP, "refused by the template", "", "ask"), False),
        (Refused(AGAIN, "closed", "", "connect with the new certificate"), False),
    ):
        flash = _flash()
        _, state = _life(flash)
        temporary.ended(state, failure)
        assert identity.has_claim(flash) is not is_gone, str(failure)
        _, state = _life(flash)
        flash.write(paths.BOOTSTRAP + "/" + paths.CERTIFICATE, b"a person's")
        temporary.ended(state, failure)
        assert identity.has_claim(flash), "a person's credentials are never removed"


def test_a_release_marks_first_and_then_puts_the_identity_aside():
    for after in range(20):
        flash = _flash()
        flash.write(paths.REGISTRATION, b"{}")
        for name in paths.CREDENTIALS:
            flash.write(paths.CERT + "/" + name, b"x")
        flash.write(paths.LOG_FILES[0], b"lines of this owner")
        state = State(_Ports(flash, {}))
        flash.cut_after(after)
        try:
            assert releasing.release(state)
            was_cut = False
        except PowerCut:
            was_cut = True
        flash.cut_after(None)
        assert flash.exists(paths.RELEASE) or flash.exists(paths.CERT), "nobody claims it for the old owner"
        releasing.release(state)
        assert flash.exists(paths.RELEASE) and not flash.exists(paths.CERT)
        assert state.ports.marked == 7 and not flash.exists(paths.LOG_FILES[0])
        if not was_cut:
            break
    assert after > 1


def test_the_place_in_ento_conf_leaves_every_other_byte():
    for raw, expected in (
        (
            b'{"device": {"SERIAL_ID": "a"}}',
            b'{"provisioning": {"template": "T"}, "mqtt": {"port": 1}, '
            b'"device": {"ENDPOINT_URL": "e", "SERIAL_ID": "a"}}',
        ),
        (
            b'{ "x" : 1.50 , "device" : { "ENDPOINT_URL" : "" } , "mqtt" : { } ,\n'
            b' "provisioning": {"a": {"template": 0}, "template": "old"}}',
            b'{ "x" : 1.50 , "device" : { "ENDPOINT_URL" : "e" } , "mqtt" : {"port": 1 } ,\n'
            b' "provisioning": {"a": {"template": 0}, "template": "T"}}',
        ),
        (
            b'{"device":{"ENDPOINT_URL":null},"mqtt":{"port":8883},"provisioning":{"template":"T"}}',
            b'{"device":{"ENDPOINT_URL":"e"},"mqtt":{"port":1},"provisioning":{"template":"T"}}',
        ),
        (
            b'{"q": "\\"device\\": {", "device": {"ENDPOINT_URL": ["{", "}"]}, "mqtt": {"port": 1}}',
            b'{"provisioning": {"template": "T"}, "q": "\\"device\\": {", "device": {"ENDPOINT_URL": "e"}, '
            b'"mqtt": {"port": 1}}',
        ),
    ):
        assert conf_file.with_place(raw, "e", 1, "T") == expected, raw
        assert conf_file.with_place(expected, "e", 1, "T") == expected
    twice = b'{"device": {"ENDPOINT_URL": "a", "ENDPOINT_URL": "b"}}'
    assert conf_file.document(conf_file.with_place(twice, "e", 1, "T"))["device"] == {"ENDPOINT_URL": "e"}
    for raw in (None, b"", b"{", b'{"device": {}, "mqtt": 5}', b'{"device": {}, "provisioning": []}'):
        assert raises(Failure, conf_file.with_place, raw, "e", 1, "T").kind == GIVE_UP


def test_only_a_board_with_a_builder_may_lack_its_endpoint():
    for raw in (b'{"device": {"SERIAL_ID": "a"}}', b'{"device": {"SERIAL_ID": "a", "ENDPOINT_URL": ""}}'):
        assert "ENDPOINT_URL" in str(raises(Failure, settings.read, raw))
        assert "ENDPOINT_URL" in str(raises(Failure, settings.read, raw, lambda: False))
        assert settings.read(raw, lambda: True).endpoint == ""
    raw = b'{"device": {"SERIAL_ID": "a", "ENDPOINT_URL": "a b"}}'
    assert "ENDPOINT_URL" in str(raises(Failure, settings.read, raw, lambda: True))
