"""Keys for AWS on the virtual board: fetched from the twin with the board's own certificate, and renewed."""

import json
import re

import pytest

from device.core import fields, paths
from muster.twin.server import running_twin
from muster.twin.settings import DEFAULT_ROLE_ALIAS, Settings
from tests.system import mishaps, rig

# A service that asks for the keys again and again, and says which it got; it knows what must not be shown.
ASK = """
    service = state.services["keys"]
    seen = []
    while True:
        keys = await service.current()
        if keys.id not in seen:
            seen.append(keys.id)
            self.say("has %s, number %d; %r" % (keys.id, len(seen), keys))
        await state.ports.clock.sleep_ms(50)
"""
REFUSED = """
    first = await state.services["keys"].current()
    other = await state.services["keys"].current(first)
    self.say("another: %s" % (first.id != other.id))
    again = await state.services["keys"].current(first)
    self.say("the same: %s" % (again is other))
    sent, _ = await state.services["keys"].signed("POST", "https://logs.example/", {}, b"", ("eu-1", "logs"))
    self.say("signed: %d" % len(sent))
    import sys
    passing = ("credentials", "sigv4", "hmac", "fetching", "http", "tls", "pem")
    self.say("left: %s" % [name for name in sys.modules if any(word in name for word in passing)])
    await state.ports.clock.sleep_ms(1000000)
"""
FAILS = """
    from device.core.failures import Failure
    while state.services["keys"].condition != "failing":
        await state.ports.clock.sleep_ms(20)
    try:
        await state.services["keys"].current()
    except Failure as failure:
        self.say("no keys: %s" % failure.kind)
    await state.ports.clock.sleep_ms(1000000)
"""


@pytest.fixture(scope="module")
def short_twin(tmp_path_factory):
    """A twin whose keys for AWS live five seconds."""
    settings = Settings(authority_key="ec", claim_key="ec", key_pool=2, https_port=0, credentials_life_s=5)
    with running_twin(tmp_path_factory.mktemp("keys-twin"), settings) as running:
        yield running


def image(path, twin, serial, body, sessions=2, alias=DEFAULT_ROLE_ALIAS, config=None):
    section = {fields.ROLE_ALIAS: alias, fields.ENDPOINT: "localhost", fields.PORT: twin.https_port}
    document = {fields.SERVICES: {}, fields.KEYS: section} if config is None else config
    return mishaps.flash(
        path,
        twin,
        serial,
        services=["probe"],
        facts={"TLS_SESSIONS": sessions},
        intervals={**mishaps.PATIENT, "keys_ms": 500},
        extra={paths.CONFIG: json.dumps(document).encode(), **mishaps.service("probe", body)},
    )


def is_nowhere(twin, path, console) -> None:
    """No key that the twin has handed out is on the flash or on the console."""
    content = b"".join(rig.on_flash(path).values())
    issued = twin.credentials.all()
    assert issued
    for keys in issued:
        for secret in (keys.secret, keys.token[:200]):
            assert secret.encode() not in content and secret not in console


def test_keys_come_and_are_renewed(short_twin, serial, tmp_path):
    path = image(tmp_path / "flash.img", short_twin, serial, ASK)
    with mishaps.powered(path) as machine:
        machine.wait_for(f"keys       for role alias {DEFAULT_ROLE_ALIAS}, valid for")
        machine.wait_for(re.compile("probe .*, number 3; "))
        assert "***" in machine.console
        console = machine.console
    assert "Trying again" not in console
    is_nowhere(short_twin, path, console)
    assert {keys.thing_name for keys in short_twin.credentials.all()} >= {serial}


def test_with_memory_for_one_tls_connection(short_twin, serial, tmp_path):
    path = image(tmp_path / "flash.img", short_twin, serial, ASK, sessions=1)
    with mishaps.powered(path) as machine:
        machine.wait_for("mqtt       lends its TLS connection")
        machine.wait_for(re.compile("probe .*, number 1; "))
        machine.wait_for("mqtt       connected to")


def test_keys_that_aws_refuses_are_replaced(short_twin, serial, tmp_path):
    path = image(tmp_path / "flash.img", short_twin, serial, REFUSED)
    with mishaps.powered(path) as machine:
        machine.wait_for("probe      another: True")
        machine.wait_for("probe      the same: True")
        machine.wait_for("probe      signed: 3")
        left = machine.wait_for("probe      left: [")
        assert left.endswith("['device.port.tls']"), left


def test_a_refusal_stops_nothing_else(short_twin, serial, tmp_path):
    path = image(tmp_path / "flash.img", short_twin, serial, FAILS, alias="other")
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "keys", "no keys for role alias other (403: Access Denied)", "Assume")
        machine.wait_for("probe      no keys: give up")
        machine.wait_for(rig.DONE)
        machine.wait_for(re.compile("heartbeat .*connected, .*failing: keys"))


def test_nobody_answers(short_twin, serial, tmp_path):
    section = {fields.ROLE_ALIAS: "a", fields.ENDPOINT: "localhost", fields.PORT: 1}
    path = image(tmp_path / "flash.img", short_twin, serial, FAILS, config={fields.KEYS: section})
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "keys", "nothing listens on that port")
        machine.wait_for("probe      no keys: again")
        machine.wait_for(rig.DONE)


def test_a_section_that_is_wrong_is_said(short_twin, serial, tmp_path):
    config = {fields.KEYS: {fields.ROLE_ALIAS: "a"}}
    path = image(tmp_path / "flash.img", short_twin, serial, FAILS, config=config)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "keys", "endpoint must be the host name of the credentials provider")
        machine.wait_for(rig.DONE)


def test_without_a_role_alias_it_is_done(short_twin, serial, tmp_path):
    body = """
    while state.services["keys"].condition != "done":
        await state.ports.clock.sleep_ms(20)
    import sys
    self.say("left: %s" % [name for name in sys.modules if "keys" in name or "credentials" in name])
    await state.ports.clock.sleep_ms(1000000)
    """
    path = image(tmp_path / "flash.img", short_twin, serial, body, config={})
    with mishaps.powered(path) as machine:
        machine.wait_for("probe      left: []")
