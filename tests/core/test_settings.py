"""ento.conf and config.json: what is taken, and for every bad file the words that a person gets to read.

wifi.json has its own file of tests: test_wifi.py.
"""

import json

from check import raises
from device.core import app_settings, board_config, conf_file, paths, settings
from device.core.failures import GIVE_UP, Failure
from device.core.secret import Secret

_GOOD = {"SERIAL_ID": "SN-1", "ENDPOINT_URL": "abc-ats.iot.eu-central-1.amazonaws.com"}
_HOST = "the host name"


def _conf(device=None, **sections):
    conf = {"device": dict(_GOOD)}
    conf["device"].update(device or {})
    conf.update(sections)
    return conf


def _settings(device=None, **sections):
    return settings.read(json.dumps(_conf(device, **sections)).encode())


# content of the file, words of the message
_BAD_FILES = (
    (None, ("is missing", "SERIAL_ID", "ENDPOINT_URL")),
    (b"", ("is empty", "SERIAL_ID")),
    (b" \r\n\t", ("is empty",)),
    (b"\0" * 64, ("not valid JSON", "64 bytes")),
    (b"\xff" * 4096, ("not valid JSON", "4096 bytes")),
    (b'{"device": {"SERIAL_ID": "\xff\xfe"}}', ("not valid JSON",)),
    (b"\xff\xfe{\0}\0", ("not valid JSON",)),
    (b"SERIAL_ID=1", ("not valid JSON",)),
    (b"{", ("not valid JSON",)),
    (b'{"device": {"SERIAL_ID": "SN-1", "ENDPOINT_URL": "a.b"', ("not valid JSON",)),
    (b'{"device": {"SERIAL_ID": "SN-1", "ENDPOINT_URL": "a.b"}, "provisioning": {', ("not valid JSON",)),
    (b'{"device": {"SERIAL_ID": "SN-1", "ENDPOINT_URL": "a.b"}', ("not valid JSON",)),
    (b'{"device": {}} {}', ("not valid JSON",)),
    (b"[" * 8000, ("not valid JSON",)),
    (b"[" * 4000 + b"]" * 4000, ("not valid JSON",)),
    (b" " * 8193 + b"{}", ("8195 bytes", "limit is 8192")),
    (b"[]", ('no object "device"',)),
    (b"null", ('no object "device"',)),
    (b"5", ('no object "device"',)),
    (b'"device"', ('no object "device"',)),
    (b"{}", ('no object "device"',)),
    (b'{"device": null}', ('no object "device"',)),
    (b'{"device": [1]}', ('no object "device"',)),
    (b'{"device": "SN-1"}', ('no object "device"',)),
)

# what the section "device" says, words of the message
_BAD_DEVICES = (
    ({"SERIAL_ID": None}, ("SERIAL_ID is missing",)),
    ({"SERIAL_ID": ""}, ("SERIAL_ID has 0 characters", "1 to 128")),
    ({"SERIAL_ID": "x" * 129}, ("SERIAL_ID has 129 characters",)),
    ({"SERIAL_ID": 17}, ("SERIAL_ID must be a string",)),
    ({"SERIAL_ID": ["SN"]}, ("SERIAL_ID must be a string",)),
    ({"SERIAL_ID": True}, ("SERIAL_ID must be a string",)),
    ({"SERIAL_ID": "SN 1"}, ("SERIAL_ID contains ' '", "letters, digits")),
    ({"SERIAL_ID": "SN/1"}, ("contains '/'",)),
    ({"SERIAL_ID": "SN+1"}, ("contains '+'",)),
    ({"SERIAL_ID": "#"}, ("contains '#'",)),
    ({"SERIAL_ID": "$x"}, ("contains '$'",)),
    ({"SERIAL_ID": "SN\n"}, ("contains '\\n'",)),
    ({"SERIAL_ID": "Gr\u00fcn"}, ("SERIAL_ID contains",)),
    ({"ENDPOINT_URL": None}, ("ENDPOINT_URL must be the host name",)),
    ({"ENDPOINT_URL": ""}, ("ENDPOINT_URL must be the host name",)),
    ({"ENDPOINT_URL": 8883}, ("ENDPOINT_URL must be the host name",)),
    ({"ENDPOINT_URL": {}}, ("ENDPOINT_URL must be the host name",)),
    ({"ENDPOINT_URL": "arn:aws:iot:eu-central-1:123456789012:thing/x"}, ("is an ARN", "iot:Data-ATS")),
    ({"ENDPOINT_URL": "https://"}, ("ENDPOINT_URL must be the host name",)),
    ({"ENDPOINT_URL": "///"}, ("ENDPOINT_URL must be the host name",)),
    ({"ENDPOINT_URL": "a.b/mqtt"}, ("contains '/'", _HOST)),
    ({"ENDPOINT_URL": "a.b:8883"}, ("contains ':'", _HOST)),
    ({"ENDPOINT_URL": "a.b "}, ("contains ' '", _HOST)),
    ({"ENDPOINT_URL": "a..b\n"}, ("contains '\\n'", _HOST)),
    ({"ENDPOINT_URL": "<your endpoint>"}, ("contains '<'", _HOST)),
)

# another section, words of the message
_BAD_SECTIONS = (
    ({"mqtt": []}, ('"mqtt" must be an object',)),
    ({"mqtt": {"port": "8883"}}, ("port must be a whole number from 1 to 65535",)),
    ({"mqtt": {"port": 0}}, ("port must be a whole number",)),
    ({"mqtt": {"port": 65536}}, ("port must be a whole number",)),
    ({"mqtt": {"port": 8883.5}}, ("port must be a whole number",)),
    ({"mqtt": {"port": True}}, ("port must be a whole number",)),
    ({"mqtt": {"port": None}}, ("port must be a whole number",)),
    ({"mqtt": {"topicPrefix": "a/b"}}, ("topicPrefix contains '/'",)),
    ({"mqtt": {"topicPrefix": ""}}, ("topicPrefix has 0 characters",)),
    ({"mqtt": {"topicPrefix": "p" * 65}}, ("topicPrefix has 65 characters", "1 to 64")),
    ({"provisioning": "x"}, ('"provisioning" must be an object',)),
    ({"provisioning": {"template": 5}}, ("template must be a string",)),
    ({"provisioning": {"template": "a/b"}}, ("template contains '/'",)),
    ({"provisioning": {"template": "t" * 37}}, ("template has 37 characters", "1 to 36")),
    ({"provisioning": {"parameters": []}}, ('"parameters" must map strings to strings',)),
    ({"provisioning": {"parameters": {"line": 7}}}, ("template parameter line must be a string",)),
    ({"provisioning": {"keys": "both"}}, ('"keys" must be "cloud" or "device"',)),
    ({"provisioning": {"keys": ["cloud"]}}, ('"keys" must be',)),
    ({"provisioning": {"thingNamePattern": 5}}, ("thingNamePattern must be a string",)),
    ({"provisioning": {"thingNamePattern": ""}}, ("thingNamePattern has 0 characters",)),
    ({"provisioning": {"thingNamePattern": "cam {serialID}"}}, ("thingNamePattern contains ' '",)),
    ({"provisioning": {"thingNamePattern": "{serial}"}}, ("thingNamePattern contains '{'",)),
    ({"provisioning": {"dailyCertificates": 0}}, ("dailyCertificates must be a whole number from 1",)),
    ({"provisioning": {"dailyCertificates": "5"}}, ("dailyCertificates must be a whole number",)),
    ({"provisioning": {"enrolmentKey": "xyz"}}, ("enrolmentKey must be hexadecimal",)),
    ({"provisioning": {"enrolmentKey": "abc"}}, ("enrolmentKey must be hexadecimal",)),
    ({"provisioning": {"enrolmentKey": 5}}, ("enrolmentKey must be hexadecimal",)),
    ({"provisioning": {"enrolmentKey": ""}}, ("enrolmentKey must be hexadecimal",)),
    ({"database": 5}, ('"database" must be an object',)),
    ({"database": {"tables": 0}}, ("tables must be a whole number from 1 to 32",)),
    ({"database": {"tableBytes": 4095}}, ("tableBytes must be a whole number from 4096",)),
    ({"database": {"documents": "9"}}, ("documents must be a whole number from 1",)),
    ({"panel": 5}, ('"panel" must be an object',)),
    ({"panel": {"light": -1}}, ("light must be the number or the name of a pin",)),
    ({"panel": {"light": ""}}, ("light must be the number or the name of a pin",)),
    ({"panel": {"light": "L" * 17}}, ("light must be the number or the name of a pin",)),
    ({"panel": {"light": 2, "button": True}}, ("button must be the number or the name of a pin",)),
    ({"panel": {"button": [0]}}, ("button must be the number or the name of a pin",)),
    ({"panel": {"button": 100}}, ("button must be the number or the name of a pin",)),
    ({"clock": 5}, ('"clock" must be an object',)),
    ({"clock": {"ntp": "pool.ntp.org"}}, ('"ntp" must be a list of host names',)),
    ({"clock": {"ntp": ["pool.ntp.org", 5]}}, ('"ntp" must be a list of host names',)),
    ({"clock": {"ntp": [None]}}, ('"ntp" must be a list of host names',)),
)


def _check(failure, words):
    text = str(failure)
    assert failure.kind == GIVE_UP
    assert text.startswith(paths.CONF + ": "), text
    assert "\n" not in text and len(text) < 250, text
    for word in words:
        assert word in text, (word, text)
    assert failure.advice, "every message says what to do next: " + text


def test_files_that_are_no_configuration():
    for raw, words in _BAD_FILES:
        _check(raises(Failure, conf_file.document, raw), words)


def test_wrong_values_in_the_device_section():
    for device, words in _BAD_DEVICES:
        _check(raises(Failure, _settings, device), words)


def test_missing_keys_read_as_missing():
    for name in _GOOD:
        conf = _conf()
        del conf["device"][name]
        _check(raises(Failure, settings.settings, conf), (name,))


def test_wrong_values_in_the_other_sections():
    for sections, words in _BAD_SECTIONS:
        failure = raises(Failure, settings.settings, _conf(None, **sections))
        _check(failure, words)


def test_no_message_holds_the_enrolment_key():
    for secret in ("secret-marker", "5e" * 31 + "zz"):
        failure = raises(Failure, settings.settings, _conf(None, provisioning={"enrolmentKey": secret}))
        assert secret not in str(failure)


def test_defaults_are_the_seed_s():
    found = _settings()
    assert (found.serial, found.endpoint, found.port) == ("SN-1", _GOOD["ENDPOINT_URL"], 8883)
    assert (found.template, found.parameters, found.own_key) == ("CameraProvisioningTemplate", {}, False)
    assert (found.topic_prefix, found.thing_name, found.enrolment_key) == ("cameraDevice", "SN-1", None)
    assert found.provisioned is False and found.daily_certificates == 5 and found.ntp
    assert found.panel == {}


def test_everything_can_be_said():
    found = _settings(
        {"PROVISION_STATUS": "True"},
        mqtt={"port": 443, "topicPrefix": "p"},
        provisioning={
            "template": "T",
            "parameters": {"a": "b"},
            "keys": "device",
            "thingNamePattern": "cam-{serialID}",
            "dailyCertificates": 1,
            "enrolmentKey": "00ff",
        },
        clock={"ntp": []},
        panel={"light": "LED", "button": None, "colour": 5},
    )
    assert (found.provisioned, found.port, found.topic_prefix, found.template) == (True, 443, "p", "T")
    assert (found.parameters, found.own_key, found.thing_name) == ({"a": "b"}, True, "cam-SN-1")
    assert (found.daily_certificates, found.enrolment_key, found.ntp) == (1, Secret(b"\0\xff"), [])
    assert found.panel == {"light": "LED", "button": None}
    assert _settings(panel={"light": 0}).panel == {"light": 0}


def test_status_is_text_as_the_seed_writes_it_or_a_truth_value():
    for said, meant in (("True", True), (True, True), ("False", False), (False, False), (None, False)):
        assert _settings({"PROVISION_STATUS": said}).provisioned is meant
    for said in ("true", "yes", [], {}, "", 0):
        assert _settings({"PROVISION_STATUS": said}).provisioned is False


def test_an_endpoint_may_be_written_as_a_url():
    for said in ("https://a.example", "mqtts://a.example/", "a.example", "a.example//"):
        assert _settings({"ENDPOINT_URL": said}).endpoint == "a.example"
    assert _settings({"ENDPOINT_URL": "192.168.4.1"}).endpoint == "192.168.4.1"


def test_status_is_set_and_every_other_key_is_kept():
    conf = _conf({"color": "gr\u00fcn", "PROVISION_STATUS": "False"}, mine={"a": [1, None, {"b": 2}]}, n=5)
    for status in (True, False):
        written = conf_file.with_status(json.dumps(conf).encode(), status)
        expected = json.loads(json.dumps(conf))
        expected["device"]["PROVISION_STATUS"] = "True" if status else "False"
        assert conf_file.document(written) == expected
    raw = json.dumps(_conf()).encode()
    assert conf_file.with_status(raw, True).find(b'"True"') > 0, "the text, not the truth value"


def test_only_the_status_is_written_anew():
    head = b'{ "site": {"latitude": 48.137154321, "name": "\\ud83d\\udc1d"},\n  "device": {"SERIAL_ID": "a", '
    for old in (b'"PROVISION_STATUS" : "False"', b'"PROVISION_STATUS":"False"', b'"PROVISION_STATUS": false'):
        written = conf_file.with_status(head + old + b' , "x": 1}}', True)
        assert written.startswith(head) and written.endswith(b' , "x": 1}}')
        assert conf_file.document(written)["device"]["PROVISION_STATUS"] == "True"


def test_a_status_that_is_odd_or_missing_is_written_all_the_same():
    for device in (
        b'"SERIAL_ID": "a"',
        b'"SERIAL_ID": "a", "PROVISION_STATUS": {"PROVISION_STATUS": 1}',
        b'"SERIAL_ID": "a", "PROVISION_STATUS": [1, 2]',
        b'"SERIAL_ID": "a", "PROVISION_STATUS": "not, so"',
        b'"SERIAL_ID": "\\"PROVISION_STATUS\\": "',
    ):
        written = conf_file.with_status(b'{"device": {' + device + b"}}", True)
        assert conf_file.document(written)["device"]["PROVISION_STATUS"] == "True", device


def test_settings_outlive_their_module():
    """An object of a class of core.settings would keep the module in a board's memory."""
    found = _settings()
    assert isinstance(found, tuple)
    for value in found:
        assert value is None or isinstance(value, (str, int, bool, dict, list, bytes)), value


def test_switches_are_the_object_of_config_json():
    assert board_config.switches(None) == {}
    assert board_config.switches(b"{}") == {}
    assert board_config.switches(b'{"other": 5}') == {}
    assert board_config.switches(b'{"services": {"web": false, "cloud": {"keys": true}}}') == {
        "web": False,
        "cloud": {"keys": True},
    }


def test_switches_that_cannot_be_read_say_so():
    for raw in (
        b"",
        b"\xff\xfe",
        b"{",
        b'{"services": {"web": false}',
        b"[]",
        b"null",
        b"5",
        b'"services"',
        b'{"services": []}',
        b'{"services": null}',
        b'{"services": true}',
        b'{"services": "all"}',
        b"[" * 8000,
        b"[" * 4000 + b"]" * 4000,
        b"{services: {web: false}}",
    ):
        failure = raises(Failure, board_config.switches, raw)
        assert failure.kind == GIVE_UP and str(failure).startswith(paths.CONFIG), raw
        assert failure.advice


def test_the_log_s_section_of_config_json():
    for raw in (None, b"", b"{", b"5", b"{}", b'{"log": {}}', b'{"services": {}}'):
        assert board_config.log(raw) == ("info", 0), raw
    assert board_config.log(b'{"log": {"level": "warn", "flashBytes": 4096}}') == ("warn", 4096)
    for section, words in (
        (b"5", "must be an object"),
        (b'{"level": "loud"}', "level must be one of debug, info, warn, error"),
        (b'{"level": []}', "level must be one of"),
        (b'{"flashBytes": 5}', "flashBytes must be 0 or from 4096 to 131072"),
        (b'{"flashBytes": true}', "flashBytes must be 0 or from"),
        (b'{"flashBytes": 1e9}', "flashBytes must be 0 or from"),
        (b'{"flashBytes": "8192"}', "flashBytes must be 0 or from"),
    ):
        text = str(raises(Failure, board_config.log, b'{"log": ' + section + b"}"))
        assert text.startswith(paths.CONFIG) and words in text, text


def test_the_application_s_settings_are_the_board_s_over_the_cloud_s():
    told = json.dumps({"deviceConfiguration": {"every": "30", "site": "hall"}}).encode()
    raw = json.dumps({"device": _GOOD, "app": {"every": 5}}).encode()
    assert app_settings.application(raw, told) == {"every": 5, "site": "hall"}
    for nothing in (None, b"", b"{", b"[]", b"{}", b'{"app": null, "deviceConfiguration": null}'):
        assert app_settings.application(nothing, nothing) == {}
        assert app_settings.application(raw, nothing) == {"every": 5}


def test_application_settings_of_a_wrong_kind_are_named():
    for raw, told, path in (
        (b'{"app": [1]}', None, paths.CONF),
        (None, b'{"deviceConfiguration": "x"}', paths.PROVISION),
    ):
        text = str(raises(Failure, app_settings.application, raw, told))
        assert path in text and "must be an object" in text
