"""Faults planted on boards, and the sentence that `muster doctor` must say of each."""

import datetime
import functools
import json
import socket
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.system import mishaps, rig

from device.core import fields, paths
from muster import image
from muster.doctor import facts as board_facts
from muster.doctor.rules import LOOK, WRONG, findings
from muster.twin.server import running_twin

ONLY_DIAGNOSE = b"import pack\npack.mount()\nimport device.diagnose\nprint('all is told')\n"
# Runs the program until a service fails, as a person sees it, then asks.
AFTER_A_FAILURE = b"""\
import asyncio
import pack
pack.mount()
from device.port.compose import compose
from device.runtime import start
from device.runtime.state import State
state = State(compose())
async def until_it_fails():
    running = asyncio.create_task(start.main(state))
    while not any(s.condition == "failing" for s in state.services.values()):
        await asyncio.sleep_ms(20)
asyncio.run(until_it_fails())
import __main__
__main__.state = state
import device.diagnose
print('all is told')
"""
DAY_S = 86400
NOW_S = int(time.time())
AWS = "abc123-ats.iot.eu-west-1.amazonaws.com"


@functools.cache
def key():
    return ec.generate_private_key(ec.SECP256R1())


def pem(of=None, password=None):
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    return (of or key()).private_bytes(serialization.Encoding.PEM, form, encryption)


def certificate(name="camera-1", start_s=NOW_S - DAY_S, end_s=NOW_S + 4000 * DAY_S):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begin, end = (datetime.datetime.fromtimestamp(one, datetime.timezone.utc) for one in (start_s, end_s))
    made = x509.CertificateBuilder(subject, subject, key().public_key(), 1, begin, end)
    return made.sign(key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def slot(folder, **changes):
    """{path: content} of a good slot; `changes`: certificate, private, root, sealed."""
    files = {
        paths.CERTIFICATE: changes.get("certificate", certificate()),
        paths.PRIVATE_KEY: changes.get("private", pem()),
        paths.ROOT_CA: changes.get("root", certificate("Some root")),
    }
    if changes.get("sealed", folder == paths.CERT):
        files[paths.IDENTITY] = b"{}"
    return {f"{folder}/{name}": content for name, content in files.items()}


def json_of(document):
    return json.dumps(document).encode()


def conf(**device):
    section = {fields.SERIAL_ID: "camera-1", fields.ENDPOINT_URL: "localhost", **device}
    return {paths.CONF: json_of({fields.DEVICE: section})}


GOOD = {
    **conf(),
    paths.WIFI: json_of({fields.NETWORKS: [{fields.SSID: "workshop"}]}),
    **slot(paths.BOOTSTRAP),
    **slot(paths.CERT),
}
CLAIM, CERT = paths.BOOTSTRAP, paths.CERT
WATCHDOG = {"unix": 0, "cause": "watchdog", "text": "url kept the loop busy for 5 s"}
AMAZON = certificate("Amazon Root CA 1")

# name -> (what is different on the flash, what is different about the board, begin of the first sentence)
STATIC = {
    "no ento.conf": ({paths.CONF: None}, {}, f"{paths.CONF} is missing"),
    "ento.conf is no JSON": ({paths.CONF: b"{"}, {}, f"{paths.CONF}: is not valid JSON"),
    "no serial": (conf(SERIAL_ID=""), {}, f"{paths.CONF}: SERIAL_ID has 0 characters"),
    "no Wi-Fi": ({paths.WIFI: None}, {}, f"{paths.WIFI} is missing"),
    "wifi.json is no JSON": ({paths.WIFI: b"[[["}, {}, f"{paths.WIFI}: is not valid JSON"),
    "a network without a name": (
        {paths.WIFI: json_of({"networks": [{}]})},
        {},
        f'{paths.WIFI}: network 1 has no "ssid"',
    ),
    "config.json is no JSON": ({paths.CONFIG: b"nonsense"}, {}, f"{paths.CONFIG}: "),
    "escape file": ({paths.OFFLINE: b""}, {}, f"the file {paths.OFFLINE} keeps it off the network"),
    "full flash": ({"/mine": bytes(range(256)) * 1870}, {}, "the flash is full"),
    "clock of 2021": ({}, {"CLOCK": "1609459200"}, "its clock is "),
    "clock of 2095": ({}, {"CLOCK": "3944678400"}, "its clock is "),
    "claim key missing": (
        {f"{CLAIM}/{paths.PRIVATE_KEY}": None},
        {},
        f"of its claim credentials {paths.PRIVATE_KEY} is missing",
    ),
    "claim certificate empty": (
        {f"{CLAIM}/{paths.CERTIFICATE}": b""},
        {},
        f"of its claim credentials {paths.CERTIFICATE} is missing",
    ),
    "claim key of another": (
        slot(CLAIM, private=pem(ec.generate_private_key(ec.SECP256R1()))),
        {},
        "the key of its claim credentials belongs to another",
    ),
    "claim certificate cut off": (
        slot(CLAIM, certificate=certificate()[:200]),
        {},
        "its claim credentials is damaged",
    ),
    "encrypted key": (slot(CLAIM, private=pem(password=b"secret")), {}, "its claim credentials is damaged"),
    "key of an unknown kind": (
        slot(CLAIM, private=pem(ec.generate_private_key(ec.SECP256K1()))),
        {},
        "its claim credentials is damaged",
    ),
    "claim expired": (
        slot(CLAIM, certificate=certificate(start_s=NOW_S - 9 * DAY_S, end_s=NOW_S - 2 * DAY_S)),
        {},
        "the certificate of its claim credentials has expired 2 days ago",
    ),
    "claim not yet valid": (
        slot(CLAIM, certificate=certificate(start_s=NOW_S + 9 * DAY_S)),
        {},
        "the certificate of its claim credentials is not valid yet",
    ),
    "key of another certificate": (
        slot(CERT, private=pem(ec.generate_private_key(ec.SECP256R1()))),
        {},
        "the key of its identity belongs to another",
    ),
    "expired": (
        slot(CERT, certificate=certificate(start_s=NOW_S - 9 * DAY_S, end_s=NOW_S - 3 * DAY_S)),
        {},
        "the certificate of its identity has expired 3 days ago",
    ),
    "expires soon": (
        slot(CERT, certificate=certificate(end_s=NOW_S + 10 * DAY_S + 9)),
        {},
        "the certificate of its identity expires in 10 days",
    ),
    "root CA missing": ({f"{CERT}/{paths.ROOT_CA}": None}, {}, f"of its identity {paths.ROOT_CA} is missing"),
    "identity cut off": ({f"{CERT}/{paths.IDENTITY}": None}, {}, "its identity was not written to the end"),
    "nobody": (
        dict.fromkeys((*slot(CERT), *slot(CLAIM))),
        {},
        "it has neither an identity nor claim credentials",
    ),
    "twin's CA for AWS": (
        {**conf(ENDPOINT_URL=AWS), **slot(CERT, root=certificate("Muster twin root CA"))},
        {},
        f"its root CA is a twin's, and {AWS} belongs to AWS",
    ),
    "Amazon's CA for a twin": (
        slot(CERT, root=AMAZON),
        {},
        "its root CA is Amazon's, and localhost does not look like AWS",
    ),
    "boot loop": (
        {paths.STARTS: json_of({fields.BAD_STARTS: 4}), paths.RESTARTS: json_of({"restarts": [WATCHDOG]})},
        {},
        "it has restarted 4 times in a row within a minute; last: url kept",
    ),
    "watchdog": (
        {paths.RESTARTS: json_of({"restarts": [WATCHDOG, WATCHDOG]})},
        {},
        "the watchdog has reset it: url kept the loop busy",
    ),
}


def told(path, files, main, environment, before=()):
    """The facts of a virtual board with these files, whose main.py ends by telling them."""
    contents = {**image.board_files("virtual"), **GOOD, **files, "/main.py": main}
    if main is ONLY_DIAGNOSE:
        contents["/boot.py"] = b""
    contents.update(before)
    path.write_bytes(
        image.build_image({name: data for name, data in contents.items() if data is not None}, "virtual")
    )
    with rig.board(path, environment=environment) as board:
        board.wait_for("all is told")
        return board_facts.read(board.lines)


def test_a_healthy_board_has_no_findings(tmp_path):
    facts = told(tmp_path / "flash.img", {}, ONLY_DIAGNOSE, {})
    assert set(facts) >= {"program", "memory", "flash", "clock", "files", "identity", "wifi", "log"}
    assert not [value for value in facts.values() if isinstance(value, dict) and "error" in value]
    assert findings(facts, time.time()) == []


@pytest.mark.parametrize("name", STATIC)
def test_a_fault_on_the_flash_is_named_first(name, tmp_path):
    files, environment, sentence = STATIC[name]
    before = mishaps.told(built_s=0) if "CLOCK" in environment else {}
    facts = told(tmp_path / "flash.img", files, ONLY_DIAGNOSE, environment, before)
    found = findings(facts, time.time())
    assert found and found[0].text.startswith(sentence), found
    assert found[0].kind in (WRONG, LOOK) and "Traceback" not in str(found)


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    with running_twin(tmp_path_factory.mktemp("twin")) as running:
        yield running


def _of_twin(twin, serial, port=None, **device):
    claim = image.read_claim(twin.claim_dir, twin.ca_pem_path)
    documents = rig.documents(port or twin.port, serial, **{fields.DEVICE: device})
    quick = mishaps.told()
    return {
        **{name: json_of(document) for name, document in documents.items()},
        **dict.fromkeys(slot(CERT)),
        **claim,
        **quick,
    }


def _says_nothing():
    """The port of a server that takes connections and says nothing."""
    server = socket.create_server(("127.0.0.1", 0))
    _open.append(server)
    return server.getsockname()[1]


_open: list[socket.socket] = []


def _fault(twin, serial, stage, kind, **more):
    twin.registry.faults.add(stage, kind, client=serial, **more)
    return _of_twin(twin, serial)


# name -> (files by twin and serial, settings of the board, what the sentences must contain)
RUNNING = {
    "wrong password": (_of_twin, {"NETWORKS": '{"workshop": "another one"}'}, "workshop: wrong password"),
    "network not in range": (
        _of_twin,
        {"NETWORKS": '{"kitchen": ""}'},
        "none of its networks (workshop) is in range; there are: kitchen",
    ),
    "no network": (_of_twin, {"NETWORK": "down"}, "network"),
    "dead radio": (_of_twin, {"NETWORK": "dead-radio"}, "network"),
    "silent name server": (
        _of_twin,
        {"DNS": "silent:4"},
        "no name server answers: the lookup of localhost gave up",
    ),
    "unknown name": (
        lambda twin, serial: _of_twin(twin, serial, ENDPOINT_URL="no.such.host"),
        {"DNS": "down"},
        "the name server does not know no.such.host",
    ),
    "captive portal": (
        lambda twin, serial: _of_twin(twin, serial, ENDPOINT_URL=AWS),
        {"HOSTS": f"{AWS}=127.0.0.1,pool.ntp.org=127.0.0.1,time.google.com=127.0.0.1"},
        f"the name server says that {AWS} is 127.0.0.1",
    ),
    "no server": (lambda twin, serial: _of_twin(twin, serial, port=1), {}, "takes no connection at port 1"),
    "silent server": (lambda twin, serial: _of_twin(twin, serial, port=_says_nothing()), {}, "provision: "),
    "revoked claim": (
        lambda twin, serial: {**_of_twin(twin, serial), **mishaps.Claims(twin).make(status="REVOKED")},
        {},
        "revoked",
    ),
    "another root CA": (
        lambda twin, serial: {
            **_of_twin(twin, serial),
            f"{CLAIM}/{paths.ROOT_CA}": certificate("Other root"),
        },
        {},
        "root CA",
    ),
    "no template": (
        lambda twin, serial: {
            **_of_twin(twin, serial),
            paths.CONF: json_of(
                {
                    **rig.documents(twin.port, serial)[paths.CONF],
                    fields.PROVISIONING: {fields.TEMPLATE: "no-such-template"},
                }
            ),
        },
        {},
        "no-such-template",
    ),
    "access denied": (
        lambda twin, serial: _fault(twin, serial, "register", "reject", code="AccessDenied", number=403),
        {},
        "AccessDenied",
    ),
    "limit exceeded": (
        lambda twin, serial: _fault(twin, serial, "create-keys", "reject", code="LimitExceeded", number=400),
        {},
        "LimitExceeded",
    ),
    "application with a bug": (
        lambda twin, serial: {
            **_of_twin(twin, serial),
            "/app/main.py": b"async def main(muster):\n    raise ValueError('bad lamp')\n",
        },
        {},
        "bad lamp",
    ),
}


@pytest.mark.parametrize("name", RUNNING)
def test_a_fault_of_a_running_board_is_named(name, twin, tmp_path):
    make, environment, sentence = RUNNING[name]
    serial = name.replace(" ", "-")
    facts = told(tmp_path / "flash.img", make(twin, serial), AFTER_A_FAILURE, {**environment})
    twin.registry.faults.clear()
    found = findings(facts, time.time())
    assert any(sentence in one.text for one in found if one.kind == WRONG), found


HEALTHY = {
    "program": {
        "board": "pico_w-e661",
        "muster": "0.1.0",
        "micropython": "1.28.0",
        "umqtt": "/pack/umqtt/simple.mpy",
    },
    "memory": {"free": 90000, "largest": 60000, "tls": 45000, "piece": 16736},
}


FROZEN = {"program": {**HEALTHY["program"], "umqtt": "umqtt/simple.py"}}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, None),
        ({"program": {**HEALTHY["program"], "micropython": "1.23.0"}}, "MicroPython 1.23.0 is too old"),
        ({"program": {**HEALTHY["program"], "umqtt": "umqtt/simple.py"}}, "another umqtt runs than Muster's"),
        ({**FROZEN, "frozen": {"is": True, "hidden": []}}, None),
        (
            {**FROZEN, "frozen": {"is": True, "hidden": [paths.PACK]}},
            "/lib/muster.pack is not used: the program frozen into the firmware comes first",
        ),
        ({"memory": {**HEALTHY["memory"], "free": 30000}}, "its heap is too small for TLS: 30000 bytes"),
        ({"memory": {**HEALTHY["memory"], "largest": 9000}}, "its heap is too small for TLS: 90000 bytes"),
        ({"wifi": {"joined": ["home", "10.0.0.7", -88]}}, "the signal of home is weak (-88 dBm)"),
        ({"wifi": {"error": "OSError: 5"}}, "wifi cannot be found out: OSError: 5"),
        ({"services": [["logs", "failing", "no credentials\x1b[2J"]]}, "logs: no credentials\\x1b[2J"),
        ({"identity": [], "wifi": 5, "memory": {"free": "x"}, "restarts": {"early": [], "last": [1]}}, None),
    ],
)
def test_facts_that_only_hardware_shows(changes, sentence):
    found = findings({**HEALTHY, **changes}, NOW_S)
    assert [one.text.startswith(sentence) for one in found] == [True] if sentence else not found


@pytest.mark.parametrize(
    "nonsense",
    [
        {"files": {"missing": 5}},
        {"restarts": {"last": 7, "early": {"a": "b"}}},
        {"services": 3},
        {"wifi": {"known": 5, "seen": [1, None, []]}},
        {"identity": {"active": {"missing": 3}, "claim": {"to": 1e400}}},
        {"program": {"board": "pico_w-1", "micropython": "1.\u00b2"}},
        {"cloud": {"host": ["x"], "lookup": {}}},
    ],
)
def test_nonsense_is_said_and_breaks_nothing(nonsense):
    findings({**HEALTHY, **nonsense}, NOW_S)
    assert board_facts.read(["~D deep " + "[" * 100_000, "~D", "~D x {", "~D wifi null"])["deep"] == {
        "error": "cannot be read"
    }


def test_there_are_forty_of_them():
    assert len(STATIC) + len(RUNNING) >= 40
