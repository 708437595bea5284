"""The start-up: the seed's order, switches, safe mode, and what is left out when a service is."""

from device.core import settings, startup

# A service of each name, as the seed has them: (name, needs, in_cloud, in_safe_mode).
_BUILT = (
    ("serialize", (), True, False),
    ("web", (), False, False),
    ("database", (), False, False),
    ("register", (), False, True),
    ("provision", ("register",), True, True),
    ("keys", ("provision",), True, False),
    ("mqtt", ("provision",), False, True),
    ("status", ("mqtt",), False, True),
    ("sync", ("database", "mqtt"), True, False),
    ("shadow", ("mqtt",), True, False),
    ("logs", ("keys",), True, False),
    ("url", (), False, False),
    ("heartbeat", (), False, True),
)
_ALL = [service[0] for service in _BUILT]
_SEED_ORDER = ["serialize", "web", "register", "provision", "keys", "mqtt", "sync", "shadow", "logs"]
# The example of the agent's documentation, as strict JSON.
_SEED_CONFIG = b"""{"services": {"cloud": {"keys": true, "logs": true, "provision": true, "serialize": "auto",
 "shadow": true, "sync": true}, "database": true, "mqtt": true, "url": true, "web": true}}"""


def _names(switches, built=_BUILT, safe=False):
    return [name for name, _ in startup.plan(switches, built, safe)]


def _switches(web, iam_keys):
    text = '{"services": {"web": ' + web + ', "cloud": {"keys": ' + iam_keys + "}}}"
    return settings.switches(text.encode())


def test_order_is_the_seed_s_whatever_the_image_s_order():
    assert _names({}) == _names({}, list(reversed(_BUILT))) == _names({}, sorted(_BUILT)) == _ALL
    assert list(startup.ORDER) == _ALL
    assert [name for name in startup.ORDER if name in _SEED_ORDER] == _SEED_ORDER
    assert _ALL.index("mqtt") < _ALL.index("status")


def test_a_service_that_the_seed_does_not_know_follows_the_others_and_is_started():
    mine = (("zeta", ("mqtt",), False, False), ("alpha", (), False, False))
    assert _names({}, mine + _BUILT) == _ALL + ["alpha", "zeta"]
    assert startup.plan({}, mine) == [("alpha", []), ("zeta", [])]
    assert startup.plan({}, mine[:1] + _BUILT)[-1] == ("zeta", ["mqtt"])
    assert "zeta" not in _names({"zeta": False}, mine + _BUILT)


def test_the_seed_s_example_starts_everything():
    assert _names(settings.switches(_SEED_CONFIG)) == _ALL


def test_cloud_can_be_switched_off_as_a_whole_and_in_parts():
    off = settings.switches(b'{"services": {"cloud": false}}')
    assert _names(off) == [service[0] for service in _BUILT if not service[2]]
    part = settings.switches(b'{"services": {"cloud": {"shadow": false, "sync": true}, "web": false}}')
    assert _names(part) == [name for name in _ALL if name not in ("shadow", "web")]


def test_a_switch_counts_only_where_it_belongs():
    assert _names({"provision": False, "cloud": {"mqtt": False}}) == _ALL


def test_only_a_plain_false_switches_off():
    for value in ("true", '"auto"', "1", "0", '""', "[]", "{}", "null"):
        assert _names(_switches(value, value)) == _ALL, value
    assert _names(_switches("false", "false")) == [name for name in _ALL if name not in ("web", "keys")]


def test_cloud_of_another_type_counts_as_on():
    for value in ("5", '"yes"', "[]", "null", "true"):
        switches = settings.switches(b'{"services": {"cloud": ' + value.encode() + b"}}")
        assert _names(switches) == _ALL, value


def test_needs_that_are_not_planned_fall_away():
    for dropped in _ALL:
        built = [service for service in _BUILT if service[0] != dropped]
        plan = startup.plan({}, built)
        assert [name for name, _ in plan] == [service[0] for service in built]
        for name, needs in plan:
            wanted = [service[1] for service in built if service[0] == name][0]
            assert needs == [need for need in wanted if need != dropped]
    assert startup.plan({}, []) == []


def test_safe_mode_runs_what_says_so_and_is_wanted():
    assert _names({}, safe=True) == ["register", "provision", "mqtt", "status", "heartbeat"]
    assert _names({"cloud": False, "mqtt": False}, safe=True) == ["register", "status", "heartbeat"]
    assert startup.plan({"cloud": False}, _BUILT, True) == [
        ("register", []),
        ("mqtt", []),
        ("status", ["mqtt"]),
        ("heartbeat", []),
    ]


def test_the_plan_of_each_call_is_its_own():
    dict(startup.plan({}, _BUILT))["sync"].append("changed")
    assert dict(startup.plan({}, _BUILT))["sync"] == ["database", "mqtt"]
