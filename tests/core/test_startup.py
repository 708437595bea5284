"""The start-up table: the seed's order, switches, and what is left out when a step is."""

from check import raises
from device.core import paths, startup
from device.core.failures import GIVE_UP, Failure

_ALL = [step[0] for step in startup.STEPS]
_SEED_ORDER = ["serialize", "web", "register", "provision", "keys", "mqtt", "sync", "shadow", "logs"]
# The example of the agent's documentation, as strict JSON.
_SEED_CONFIG = b"""{"services": {"cloud": {"keys": true, "logs": true, "provision": true, "serialize": "auto",
 "shadow": true, "sync": true}, "database": true, "mqtt": true, "url": true, "web": true}}"""


def _names(services, built=None):
    return [name for name, _ in startup.plan(services, _ALL if built is None else built)]


def _config(web, iam_keys):
    return ('{"services": {"web": ' + web + ', "cloud": {"keys": ' + iam_keys + "}}}").encode()


def test_order_is_the_seed_s():
    names = _names({})
    assert names == _ALL
    assert [name for name in names if name in _SEED_ORDER] == _SEED_ORDER
    assert names.index("mqtt") < names.index("status")


def test_needs_come_before_their_step():
    seen = []
    for name, needs, _ in startup.STEPS:
        for need in needs:
            assert need in seen, (name, need)
        seen.append(name)
    for name in startup.BOOT_STEPS:
        assert name in _ALL


def test_the_seed_s_example_starts_everything():
    assert _names(startup.switches(_SEED_CONFIG)) == _ALL


def test_no_file_starts_everything():
    assert startup.switches(None) == {}
    assert startup.switches(b"{}") == {}
    assert startup.switches(b'{"other": 5}') == {}


def test_cloud_can_be_switched_off_as_a_whole_and_in_parts():
    off = startup.switches(b'{"services": {"cloud": false}}')
    cloud = [name for name, _, in_cloud in startup.STEPS if in_cloud]
    assert _names(off) == [name for name in _ALL if name not in cloud]
    part = startup.switches(b'{"services": {"cloud": {"shadow": false, "sync": true}, "web": false}}')
    assert _names(part) == [name for name in _ALL if name not in ("shadow", "web")]


def test_only_a_plain_false_switches_off():
    for value in ("true", '"auto"', "1", "0", '""', "[]", "{}", "null"):
        services = startup.switches(_config(value, value))
        assert "web" in _names(services) and "keys" in _names(services), value


def test_cloud_of_another_type_counts_as_on():
    for value in ("5", '"yes"', "[]", "null", "true"):
        assert _names(startup.switches(b'{"services": {"cloud": ' + value.encode() + b"}}")) == _ALL, value


def test_needs_that_are_not_planned_fall_away():
    for dropped in _ALL:
        built = [name for name in _ALL if name != dropped]
        plan = startup.plan({}, built)
        assert [name for name, _ in plan] == built
        for _, needs in plan:
            assert dropped not in needs
    assert startup.plan({}, []) == []
    assert startup.plan({}, ["no such service"]) == []


def test_a_file_that_cannot_be_read_says_so():
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
        failure = raises(Failure, startup.switches, raw)
        assert failure.kind == GIVE_UP and str(failure).startswith(paths.CONFIG), raw
        assert failure.advice


def test_the_plan_of_each_call_is_its_own():
    startup.plan({}, _ALL)[0][1].append("changed")
    assert "changed" not in startup.plan({}, _ALL)[0][1]
