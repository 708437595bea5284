"""What docs/ says of settings, services, faults and policies is what the code does."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from device.core import board_config, fields, paths, settings, startup, topics, wifi_file
from muster.cli.twin.fault import set_fault
from muster.cli.twin.run import run
from muster.image import profile
from muster.twin import defaults, faults, policy, template

REPO = Path(__file__).resolve().parents[2]


def document(name: str) -> str:
    return (REPO / "docs" / name).read_text()


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each table row of a document, heads and rules left out."""
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            yield [cell.strip() for cell in line.strip()[1:-1].split("|")]


def examples(text: str) -> dict[str, str]:
    """The blocks of JSON in a document by the word after `json`."""
    return dict(re.findall(r"^```json (\S+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


def test_every_setting_exists_and_is_documented() -> None:
    text = document("configuration.md")
    values = {value for name, value in vars(fields).items() if name.isupper()}
    named = [row[0].strip("`") for row in rows(text) if re.fullmatch(r"`[a-z]+\.\w+`", row[0])]
    named = [name for name in named if not name.endswith(".json")]
    assert [name for name in named if not set(name.split(".")) <= values] == []
    tree = ast.parse((REPO / "lib/device/core/settings.py").read_text())
    read = {
        getattr(fields, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "fields"
    }
    assert len(read) > 15
    assert {key for key in read if not re.search(rf"\b{key}\b", text)} == set()
    assert len(named) >= 15


def test_documented_defaults_are_the_defaults() -> None:
    found = settings.settings({fields.DEVICE: {fields.SERIAL_ID: "s", fields.ENDPOINT_URL: "e"}})
    table = [row for row in rows(document("configuration.md")) if len(row) == 4]
    default = {row[0].strip("`"): row[2].strip("`") for row in table}
    assert default["provisioning.template"] == found.template
    assert (default["provisioning.keys"] == '"device"') == found.own_key
    assert default["provisioning.dailyCertificates"] == str(found.daily_certificates)
    assert default["mqtt.port"] == str(found.port)
    assert default["mqtt.topicPrefix"] == found.topic_prefix
    assert json.loads(default["clock.ntp"]) == found.ntp


def test_configuration_examples_are_taken() -> None:
    example = examples(document("configuration.md"))
    assert settings.read(example["ento.conf"].encode()).own_key
    assert len(wifi_file.wifi(example["wifi.json"].encode())[0]) == 2
    assert board_config.switches(example["config.json"].encode())


def test_the_table_of_services_is_the_start_up() -> None:
    table = [row for row in rows(document("configuration.md")) if row[-1] in ("yes", "not yet")]
    built = {service.name: service for service in profile("virtual").services}
    names = [*startup.ORDER, *sorted(built.keys() - set(startup.ORDER))]
    assert table == [
        [f"`{name}`", "cloud" if built[name].in_cloud else "", ", ".join(built[name].needs), "yes"]
        if name in built
        else [f"`{name}`", "", "", "not yet"]
        for name in names
    ]


def test_every_file_on_the_flash_is_documented() -> None:
    text = document("configuration.md")
    ours = [value for value in vars(paths).values() if str(value).startswith(f"{paths.BASE}/")]
    assert len(ours) > 10
    assert [path for path in ours if path[len(paths.BASE) + 1 :] not in text] == []


def test_faults_are_those_of_the_command() -> None:
    # click keeps the first help option of a command: it must be that of the whole command line.
    wide = {"max_content_width": 300, "terminal_width": 300, "help_option_names": ["-h", "--help"]}
    shown = CliRunner().invoke(set_fault, ["--help"], **wide).output
    first = [re.findall(r"`([a-z-]+)`", row[0]) for row in rows(document("twin.md"))]
    named = {name for names in first for name in names}
    offered = {*faults.KINDS, *faults.STAGES}
    assert offered - named == set()
    assert [name for name in offered if name not in shown] == []
    table = {names[0]: row[1] for names, row in zip(first, rows(document("twin.md")), strict=True) if names}
    for kind, (_, stages) in faults.KINDS.items():
        where = {faults.STAGES: "all", faults.OPERATIONS: "calls"}.get(stages, "all but `logs`")
        assert table[kind] == where, kind


def test_every_option_of_the_twin_is_documented() -> None:
    text = document("twin.md")
    common = {"--home", "--profile"}  # of all commands
    options = {name for one in run.params for name in one.opts if name.startswith("--")} - common
    assert len(options) > 12
    assert {name for name in options if not re.search(rf"{name}\b", text)} <= {"--throttle", "--verbose"}
    assert "`--no-throttle`" in text and "`-v`" in text


def test_links_lead_to_headings() -> None:
    for path in sorted((REPO / "docs").glob("*.md")):
        for name, anchor in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", path.read_text()):
            target = (path.parent / name if name else path).read_text()
            headings = re.findall(r"^#+ (.+)$", target, re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{path.name}: {name}#{anchor}"


CLAIMING = [topics.CREATE_KEYS, topics.CREATE_FROM_CSR, topics.register(topics.DEFAULT_TEMPLATE)]


@pytest.mark.parametrize("request_topic", CLAIMING)
def test_the_claim_policy_is_enough(request_topic: str) -> None:
    documents = [examples(document("provisioning.md"))["claim-policy"]]

    def allows(action: str, resource: str) -> bool:
        return policy.allows(documents, action, resource, {})

    assert allows(policy.CONNECT, policy.client("camera-0001"))
    assert allows(policy.PUBLISH, policy.topic(request_topic))
    for answer in (topics.accepted(request_topic), topics.rejected(request_topic)):
        assert allows(policy.SUBSCRIBE, policy.topic_filter(answer))
        assert allows(policy.RECEIVE, policy.topic(answer))
    assert not allows(policy.PUBLISH, policy.topic(topics.booted("cameraDevice", "camera-0001")))


def test_template_and_device_policy_let_a_device_be_itself() -> None:
    example = examples(document("provisioning.md"))
    plan = template.plan(example["template"], {fields.PARAMETER_SERIAL: "s1"}, "id")
    ours = json.loads(example["template"])
    twins = json.loads(defaults.camera_template(topics.DEFAULT_PREFIX, topics.DEFAULT_RENEWAL_TEMPLATE))
    assert ours["Resources"].pop("policy") and twins["Resources"].pop("policy")
    assert ours == twins
    assert plan.thing is not None
    variables = {"iot:Connection.Thing.ThingName": plan.thing.name}
    for name, value in plan.thing.attributes.items():
        variables[f"iot:Connection.Thing.Attributes[{name}]"] = value
    documents = [example["device-policy"]]
    own, other = (policy.topic(topics.booted(topics.DEFAULT_PREFIX, serial)) for serial in ("s1", "s2"))
    assert policy.allows(documents, policy.CONNECT, policy.client("s1"), variables)
    assert policy.allows(documents, policy.PUBLISH, own, variables)
    assert not policy.allows(documents, policy.PUBLISH, other, variables)
