"""The start-up: the seed's order, switches, safe mode, and what is left out when a service is."""

from device.core import board_config, startup

# A service of each name, as the seed has them: (name, needs, in_cloud, in_safe_mode).
_BUILT = (
    ("network", (), False, True),
    ("serialize", (), True, False),
    ("web", (), False, False),
    ("database", (), False, False),
    ("register", (), True, False),
    ("claim", ("register",), True, False),
    ("provision", ("claim",), True, True),
    ("keys", ("provision",), True, False),
    ("mqtt", ("provision",), False, True),
    ("queue", (), True, False),
    ("status", ("mqtt",), False, True),
    ("commands", ("mqtt",), True, False),
    ("sync", ("database", "mqtt"), True, False),
    ("shadow", ("mqtt",), True, False),
    ("logs", ("keys",), True, False),
    ("renew", ("mqtt",), True, False),
    ("url", (), False, False),
    ("app", (), False, False),
    ("log", (), False, False),
    ("health", (), False, True),
    ("panel", (), False, True),
    ("heartbeat", (), False, True),
)
_ALL = [service[0] for service in _BUILT]
_SEED_ORDER = ["serialize", "web", "register", "provision", "keys", "mqtt", "sync", "shadow", "logs"]
# The example of the agent's documentation, as strict JSON.
_SEED_CONFIG = b"""{"services": {"cloud": {"keys": true, "logs": true, "provision": true, "serialize": "auto",
 "shadow": true, "sync": true}, "database": true, "mqtt": true, "url": true, "web": true}}"""


def _names(switches, built=_BUILT, safe=False):
    return [name for name, _ in startup.plan(switches, built, safe)[0]]


def _without(*names):
    return [name for name in _ALL if name not in names]


def _switches(web, iam_keys):
    text = '{"services": {"web": ' + web + ', "cloud": {"keys": ' + iam_keys + "}}}"
    return board_config.switches(text.encode())


def test_order_is_the_seed_s_whatever_the_image_s_order():
    assert _names({}) == _names({}, list(reversed(_BUILT))) == _names({}, sorted(_BUILT)) == _ALL
    assert list(startup.ORDER) == _ALL
    assert [name for name in startup.ORDER if name in _SEED_ORDER] == _SEED_ORDER
    assert _ALL.index("mqtt") < _ALL.index("status")


def test_what_is_shed_is_known_and_none_of_it_is_needed_for_the_cloud():
    assert set(startup.STOP_ORDER) < set(_ALL)
    assert not set(startup.STOP_ORDER) & {"network", "provision", "mqtt", "status", "health", "heartbeat"}


def test_a_service_that_the_seed_does_not_know_follows_the_others_and_is_started():
    mine = (("zeta", ("mqtt",), False, False), ("alpha", (), False, False))
    assert _names({}, mine + _BUILT) == _ALL + ["alpha", "zeta"]
    assert startup.plan({}, mine) == ([("alpha", []), ("zeta", [])], {}, [])
    assert startup.plan({}, mine[:1] + _BUILT)[0][-1] == ("zeta", ["mqtt"])
    assert "zeta" not in _names({"zeta": False}, mine + _BUILT)


def test_the_seed_s_example_starts_everything():
    plan, off, notes = startup.plan(board_config.switches(_SEED_CONFIG), _BUILT)
    assert [name for name, _ in plan] == _ALL
    assert (off, notes) == ({}, [])


def test_cloud_false_turns_off_what_belongs_to_it_and_whatever_needs_that():
    plan, off, notes = startup.plan(board_config.switches(b'{"services": {"cloud": false}}'), _BUILT)
    cloud = [service[0] for service in _BUILT if service[2]]
    assert [name for name, _ in plan] == _without("mqtt", "status", *cloud)
    assert off == {name: "the cloud is switched off" for name in cloud + ["mqtt", "status"]}
    assert notes == []


def test_cloud_false_has_the_last_word():
    off = startup.plan({"cloud": False, "mqtt": True, "status": True}, _BUILT)[1]
    assert off["provision"] == off["mqtt"] == off["status"] == "the cloud is switched off"
    # What a service of the cloud needs is not switched on for it.
    plan, off, notes = startup.plan({"cloud": False, "database": False, "app": True}, _BUILT)
    assert (off["sync"], off["database"], notes) == ("the cloud is switched off", "switched off", [])


def test_cloud_can_be_switched_off_in_parts():
    part = board_config.switches(b'{"services": {"cloud": {"shadow": false, "sync": true}, "web": false}}')
    assert _names(part) == _without("shadow", "web")
    assert startup.plan(part, _BUILT)[1] == {"shadow": "switched off", "web": "switched off"}


def test_what_needs_a_service_that_is_off_is_off_as_well():
    plan, off, notes = startup.plan({"cloud": {"provision": False}}, _BUILT)
    above = ("provision", "keys", "mqtt", "status", "commands", "sync", "shadow", "logs", "renew")
    assert [name for name, _ in plan] == _without(*above)
    assert off["provision"] == "switched off"
    assert off["mqtt"] == "provision is off" and off["status"] == off["shadow"] == "mqtt is off"
    assert notes == []


def test_a_lower_service_is_switched_on_for_one_that_is_named():
    plan, off, notes = startup.plan({"database": False, "cloud": {"sync": True}}, _BUILT)
    assert [name for name, _ in plan] == _ALL
    assert off == {}
    assert notes == ["database is switched on, because sync needs it"]


def test_lower_services_are_switched_on_through_others():
    switches = {"mqtt": False, "status": True, "cloud": {"provision": False}}
    plan, off, notes = startup.plan(switches, _BUILT)
    assert [name for name, _ in plan] == _ALL
    assert notes == [
        "mqtt is switched on, because status needs it",
        "provision is switched on, because mqtt needs it",
    ]
    # mqtt is neither named nor switched off here.
    plan, off, notes = startup.plan({"cloud": {"provision": False, "shadow": True}}, _BUILT)
    assert "mqtt" not in off and "provision" not in off
    assert notes == ["provision is switched on, because mqtt needs it"]


def test_services_after_all_others_can_need_each_other():
    mine = (("alpha", ("zeta",), False, False), ("zeta", ("mqtt",), False, False))
    off = startup.plan({"mqtt": False}, mine + _BUILT)[1]
    assert off["zeta"] == "mqtt is off" and off["alpha"] == "zeta is off"


def test_services_that_need_each_other_end_nothing():
    mine = (("alpha", ("zeta",), False, False), ("zeta", ("alpha",), False, False))
    assert _names({}, mine) == ["alpha", "zeta"]
    assert _names({"alpha": False}, mine) == []
    assert _names({"alpha": False, "zeta": True}, mine) == ["alpha", "zeta"]


def test_a_switch_counts_only_where_it_belongs():
    plan, off, notes = startup.plan({"provision": False, "cloud": {"mqtt": False}}, _BUILT)
    assert [name for name, _ in plan] == _ALL
    assert notes == ['"provision" belongs in "cloud"', '"mqtt" belongs beside "cloud"']


def test_unknown_names_are_told():
    assert startup.faults({"teapot": True, "cloud": {"kettle": 1, "cloud": False}}, _BUILT) == [
        'there is no service "teapot"',
        'there is no service "cloud"',
        'there is no service "kettle"',
    ]
    assert startup.faults({"web": True, "cloud": {"keys": True}}, ()) == [], "known, but not built in"


def test_only_a_plain_false_switches_off():
    for value in ("true", '"auto"', "1", "0", '""', "[]", "{}", "null"):
        assert _names(_switches(value, value)) == _ALL, value
    assert _names(_switches("false", "false")) == _without("web", "keys", "logs")


def test_cloud_of_another_type_counts_as_on():
    for value in ("5", '"yes"', "[]", "null", "true"):
        switches = board_config.switches(b'{"services": {"cloud": ' + value.encode() + b"}}")
        assert _names(switches) == _ALL, value


def test_needs_that_are_not_built_in_fall_away():
    for dropped in _ALL:
        built = [service for service in _BUILT if service[0] != dropped]
        plan = startup.plan({}, built)[0]
        assert [name for name, _ in plan] == [service[0] for service in built]
        for name, needs in plan:
            wanted = [service[1] for service in built if service[0] == name][0]
            assert needs == [need for need in wanted if need != dropped]
    assert startup.plan({}, []) == ([], {}, [])


def test_safe_mode_runs_what_says_so_and_is_wanted():
    safe = ["network", "provision", "mqtt", "status", "health", "panel", "heartbeat"]
    assert _names({}, safe=True) == safe
    plan, off, _ = startup.plan({"cloud": False, "health": False, "panel": False}, _BUILT, True)
    assert plan == [("network", []), ("heartbeat", [])]
    assert off["web"] == "does not run in safe mode"
    assert (off["health"], off["mqtt"]) == ("switched off", "the cloud is switched off")


def test_the_plan_of_each_call_is_its_own():
    dict(startup.plan({}, _BUILT)[0])["sync"].append("changed")
    assert dict(startup.plan({}, _BUILT)[0])["sync"] == ["database", "mqtt"]
