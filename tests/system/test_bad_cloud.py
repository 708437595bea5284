"""What network and cloud do to a board: one line says it, and what passes is waited for in the same run."""

import json
import time

import pytest

from device.core import fields, paths, topics
from muster.relay import Relay
from muster.twin import defaults
from muster.twin.provisioning import Provisioning
from tests.system import mishaps, rig
from tests.system.listeners import Listener, foreign_authority, server_context, silent, twin_authority

YEAR_2021_S = 1609459200  # when a Pico W wakes
AGAIN = "Trying again in"
PERSON = "Trying again in 18"  # half an hour: only a person or the cloud can mend it

# kind of fault -> (number, parts of the line, or None when the board takes no notice)
CONNECT = {
    "reject": (None, ("refused the connection (CONNACK code 5)", "probably revoked")),
    "ignore": (None, ("does not answer", "check address")),
    "lose-answer": (None, ("does not answer", "check address")),
    "close-before": (None, ("closed the connection instead of accepting it", "iot:Connect on client/")),
    "close-after": (None, ("closed the connection instead of accepting it", "iot:Connect on client/")),
    "close-answered": (None, ("closed the connection", "lacks iot:Subscribe")),
    "twice": (None, None),
    "delay": (2500, ("does not answer", "check address")),
}
SUBSCRIBE = {
    "reject": (None, ("refused the subscription to",)),
    "ignore": (None, None),  # it is sent once more
    "lose-answer": (None, None),
    "close-before": (None, ("subscribe: the server closed the connection", "lacks iot:Subscribe")),
    "close-after": (None, ("subscribe: the server closed the connection", "lacks iot:Subscribe")),
    "close-answered": (None, ("closed the connection",)),
    "twice": (None, None),
    "delay": (2500, ("no SUBACK",)),
}
CREATE = {
    "ignore": (None, ("no answer to",)),
    "lose-answer": (None, ("no answer to",)),
    "delay": (2500, ("no answer to",)),  # it comes when nobody listens any more
    "close-before": (None, ("closed the connection", "lacks iot:Publish on topic/")),
    "close-after": (None, ("closed the connection", "lacks iot:Publish on topic/")),
    "close-answered": (None, ("closed the connection",)),
    "twice": (None, None),
    "no-ack": (None, None),
    "throttle": (0, ("429 ThrottlingException",)),
    "garbage": (None, ("is not a JSON object",)),
    "huge": (None, (" bytes; the limit is 16384",)),
    "incomplete": (None, ("answer lacks certificateId",)),
    "stranger": (None, ("does not match the private key", "starting over with a new certificate")),
}
REGISTER = {
    **{name: case for name, case in CREATE.items() if name not in ("stranger", "close-answered")},
    "close-answered": (None, None),  # the answer was there first
    "incomplete": (None, ("answer lacks thingName",)),
}
PUBLISH = {
    "ignore": (None, None),  # it is sent once more
    "lose-answer": (None, None),
    "close-before": (None, ("closed the connection", "another client connected as")),
    "close-after": (None, ("closed the connection", "another client connected as")),
    "close-answered": (None, None),
    "delay": (2500, ("no PUBACK",)),
}
STAGES = {
    "connect": CONNECT,
    "subscribe": SUBSCRIBE,
    "create-keys": CREATE,
    "create-from-csr": CREATE,
    "register": REGISTER,
    "publish": PUBLISH,
}


@pytest.mark.parametrize(
    ("stages", "key_mode"),
    [
        (("connect", "subscribe", "publish"), fields.KEYS_CLOUD),
        (("create-keys",), fields.KEYS_CLOUD),
        (("create-from-csr",), fields.KEYS_DEVICE),
        (("register",), fields.KEYS_DEVICE),
    ],
)
def test_one_bad_answer(twin, tmp_path, stages, key_mode):
    """Whatever goes wrong once, the same run ends provisioned."""
    cases = {f"{stage}-{kind}": case for stage in stages for kind, case in STAGES[stage].items()}
    images = {}
    for name, (number, _) in cases.items():
        stage = next(stage for stage in stages if name.startswith(stage))
        twin.registry.faults.add(stage, name[len(stage) + 1 :], number=number, client=name, count=1)
        path = tmp_path / f"{name}.img"
        images[name] = mishaps.flash(path, twin, name, provisioning={fields.KEYS: key_mode})
    before = rig.certificate_ids(twin)
    with mishaps.crowd(images) as machines:
        for name, machine in machines.items():
            machine.wait_for(rig.DONE)
            if cases[name][1] is not None:
                mishaps.complaint(machine, *cases[name][1])
    mine = {name: mishaps.identity(path) for name, path in images.items()}
    for name, path in images.items():
        rig.check_provisioned(path, twin, name, rig.certificate_ids(twin) - {mine[name]})
    made = len(rig.certificate_ids(twin) - before)
    strangers = len([name for name in cases if name.endswith("stranger")])  # theirs are the twin's doing
    assert made <= 2 * len(images) + strangers, "more than two certificates for a board"
    twin.registry.faults.clear()


def test_a_thing_that_is_somebody_elses(twin, serial, tmp_path):
    """The board believes the name that it is told, says why it gets no further, and keeps what it has."""
    twin.registry.faults.add("register", "stranger", client=serial)
    path = mishaps.flash(tmp_path / "flash.img", twin, serial)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "closed the connection", "lacks iot:Connect on client/stranger", AGAIN)
        mishaps.still_runs(machine)
    assert f"{paths.TRIAL}/{paths.PRIVATE_KEY}" in rig.on_flash(path)


def _hook(folder):
    """A pre-provisioning hook that says no, as the twin wants it."""
    place = folder / "hook.py"
    place.write_text("def deny(event):\n    return {'allowProvisioning': False}\n")
    return f"{place}:deny"


def test_a_clear_no(twin, serial, tmp_path):
    """Refusals that stay are looked at again only after a long while, and cost no second certificate."""
    registry = twin.registry
    registry.policies.put("any-template", defaults.claim_policy("*"))
    registry.templates.put(
        "Denied",
        defaults.camera_template("cameraDevice", topics.DEFAULT_RENEWAL_TEMPLATE),
        hook=_hook(tmp_path),
    )
    registry.faults.add("register", "reject", code="InvalidParameter", number=400, client=f"{serial}-bad")
    registry.faults.add("create-keys", "reject", code="LimitExceeded", number=400, client=f"{serial}-limit")
    claim = mishaps.Claims(twin).make(policy="any-template")
    denied, unknown = {fields.TEMPLATE: "Denied"}, {fields.TEMPLATE: "Nowhere"}
    cases = {
        "hook": (denied, claim, ("403", "pre-provisioning hook", "refused this serial", PERSON)),
        "unknown": (unknown, claim, ("404", "check that template Nowhere exists", PERSON)),
        "foreign": (unknown, {}, ("subscribe: the server closed", "lacks iot:Subscribe", "Nowhere", AGAIN)),
        "bad": ({}, {}, ("400 InvalidParameter", "check template", PERSON)),
        "limit": ({}, {}, ("400 LimitExceeded", "the account's limits", PERSON)),
    }
    images = {
        name: mishaps.flash(
            tmp_path / f"{name}.img", twin, f"{serial}-{name}", extra=files, provisioning=provisioning
        )
        for name, (provisioning, files, _) in cases.items()
    }
    before = rig.certificate_ids(twin)
    with mishaps.crowd(images) as machines:
        for name, (_, _, parts) in cases.items():
            mishaps.complaint(machines[name], "provision", *parts)
            mishaps.still_runs(machines[name])
    assert len(rig.certificate_ids(twin) - before) == 3, "hook, unknown and bad have asked for one each"
    registry.faults.clear()


def test_wrong_servers(twin, serial, tmp_path):
    """The server is verified always: CA, host name, dates."""
    other, ours = foreign_authority(), twin_authority(twin.home)
    elsewhere = {"HOSTS": "iot.example.org=127.0.0.1"}
    host = {"device": {fields.ENDPOINT_URL: "iot.example.org"}}
    with (
        Listener(server_context(tmp_path, other)) as foreign,
        Listener(server_context(tmp_path, ours, from_s=7200, to_s=9000)) as early,
        Listener(server_context(tmp_path, ours, from_s=-9000, to_s=-7200)) as late,
        Listener() as hole,
        Listener(answer=b"HTTP/1.1 400 Bad Request\r\n\r\n") as web,
    ):
        wrong_ca = {mishaps.claim_path(paths.ROOT_CA): other.pem}
        cases = {
            "wrong-ca": ({"extra": wrong_ca}, "not signed by our root CA", "replace the root CA file"),
            "foreign": ({"port": foreign.port}, "not signed by our root CA", "replace the root CA file"),
            "early": ({"port": early.port}, "is not valid now (the clock says 20", "if the clock is wrong"),
            "late": (
                {"port": late.port},
                "is not valid now (the clock says 20",
                "renew the server's certificate",
            ),
            "host": (host, "the server's certificate is not for iot.example.org", "correct the endpoint"),
            "hole": ({"port": hole.port}, "does not answer", "check address, firewall and network"),
            "web": ({"port": web.port}, "TLS handshake", "probably"),
            "closed": ({"port": silent()}, "refused the connection", "nothing listens on that port"),
        }
        images = {
            name: mishaps.flash(tmp_path / f"{name}.img", twin, f"{serial}-{name}", **options)
            for name, (options, _, _) in cases.items()
        }
        with mishaps.crowd(images, {"host": {"environment": elsewhere}}) as machines:
            for name, (_, cause, advice) in cases.items():
                mishaps.complaint(machines[name], "connect with the claim", cause, advice, AGAIN)
                mishaps.still_runs(machines[name])


def test_no_network(twin, serial, tmp_path):
    cases = {
        "down": ({"NETWORK": "down"}, "no Wi-Fi (workshop: not in range)", "check name, password"),
        "password": ({"NETWORKS": '{"workshop": "other"}'}, "(workshop: wrong password)", "check name, pass"),
        "dns": ({"DNS": "down"}, "no address found for localhost", "check the endpoint"),
    }
    images = {name: mishaps.flash(tmp_path / f"{name}.img", twin, f"{serial}-{name}") for name in cases}
    each = {name: {"environment": environment} for name, (environment, _, _) in cases.items()}
    with mishaps.crowd(images, each) as machines:
        for name, (_, cause, advice) in cases.items():
            mishaps.complaint(machines[name], "provision", cause, advice, AGAIN)
            mishaps.still_runs(machines[name])


def test_a_network_that_comes_back(twin, serial, tmp_path):
    """Port closed, then a black hole, then the twin: one run, and it ends provisioned."""
    port = silent()
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, port=port)
    before = rig.certificate_ids(twin)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "refused the connection")
        with Relay("127.0.0.1", twin.port, port=port) as relay:
            relay.black_hole = True
            mishaps.complaint(machine, "does not answer")
            relay.black_hole = False
            machine.wait_for(rig.DONE)
    rig.check_provisioned(path, twin, serial, before)


@pytest.mark.parametrize("ntp", ["ok", "fail"])
def test_clock_of_2021(twin, serial, tmp_path, ntp):
    """A board without battery; where NTP fails, the time of its image is near enough."""
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, built_s=time.time() - 3600)
    before = rig.certificate_ids(twin)
    with mishaps.powered(path, environment={"CLOCK": str(YEAR_2021_S), "NTP": ntp}) as machine:
        machine.wait_for(rig.DONE)
    assert ("clock      set by NTP to 20" in machine.console) == (ntp == "ok")
    rig.check_provisioned(path, twin, serial, before)
    saved = rig.on_flash(path).get(paths.CLOCK)
    assert (saved is not None) == (ntp == "ok"), "only a time that is known may become the floor"
    assert saved is None or abs(json.loads(saved)[fields.UNIX] - time.time()) < 300


def test_a_clock_that_is_wrong_and_nobody_knows(twin, serial, tmp_path):
    """It is later than the image, and wrong all the same: NTP is asked once there is a connection."""
    port = silent()
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, built_s=YEAR_2021_S - 86400, port=port)
    with mishaps.powered(path, environment={"CLOCK": str(YEAR_2021_S)}) as machine:
        mishaps.complaint(machine, "refused the connection")
        assert "set by NTP" not in machine.console, "a server that is not there says nothing of the clock"
        with Relay("127.0.0.1", twin.port, port=port):
            machine.wait_for("clock      set by NTP to 20")
            machine.wait_for(rig.DONE)


def test_clock_of_2021_and_nothing_to_set_it(twin, serial, tmp_path):
    # The virtual board's TLS looks at the host's clock: a server of tomorrow makes a board of yesterday.
    context = server_context(tmp_path, twin_authority(twin.home), from_s=7200, to_s=9000)
    with Listener(context) as tomorrow:
        path = mishaps.flash(
            tmp_path / "flash.img", twin, serial, built_s=YEAR_2021_S - 86400, port=tomorrow.port
        )
        with mishaps.powered(path, environment={"CLOCK": str(YEAR_2021_S), "NTP": "fail"}) as machine:
            parts = ("is not valid now (the clock says 2021-01-01 00:00 UTC)", "allow NTP", AGAIN)
            mishaps.complaint(machine, *parts)
            mishaps.still_runs(machine)


def test_no_third_certificate_in_a_storm(twin, serial, tmp_path):
    """A cloud that answers every request with nonsense gets a board's daily budget of requests, no more."""
    twin.registry.faults.add("create-keys", "incomplete", client=serial)
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, provisioning={fields.DAILY_CERTIFICATES: 2})
    before = rig.certificate_ids(twin)
    with mishaps.powered(path) as machine:
        mishaps.complaint(
            machine, "budget of 2 new certificates is used up", "(last: answer lacks certificateId)", PERSON
        )
        mishaps.still_runs(machine)
    assert len(rig.certificate_ids(twin) - before) == 2
    twin.registry.faults.clear()
    assert topics.CREATE_KEYS in machine.console


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda pem: pem[:100] + pem[104:], "answer has an invalid certificatePem"),
        (lambda pem: pem[:100] + "AAAAAAAA" + pem[108:], "starting over with a new certificate"),
    ],
)
def test_a_certificate_that_came_damaged(twin, serial, tmp_path, monkeypatch, spoil, said):
    """Whoever notices it, the answer's reader or TLS, a new one is asked for at once, not after an hour."""
    good = Provisioning.create_keys
    first = []

    async def damaged(self, payload):
        answer = await good(self, payload)
        if not first:
            first.append(answer)
            return {**answer, fields.CERTIFICATE_PEM: spoil(answer[fields.CERTIFICATE_PEM])}
        return answer

    monkeypatch.setattr(Provisioning, "create_keys", damaged)
    path = mishaps.flash(tmp_path / "flash.img", twin, serial)
    before = rig.certificate_ids(twin)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, said)
        machine.wait_for(rig.DONE)
    assert len(rig.certificate_ids(twin) - before) == 2
    assert mishaps.identity(path) != first[0][fields.CERTIFICATE_ID]
