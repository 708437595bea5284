"""What docs/ says of messages, settings, faults and policies is what the code does."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from device.core import config, fields, startup, topics, wifi
from muster.cli.twin import twin
from muster.twin import defaults, faults, policy, template
from syntax import python_files

REPO = Path(__file__).resolve().parents[2]
DEVICE = ("lib/device", "boot.py", "main.py")
HOST = ("tools/muster",)
ARGUMENT = {"Failure": 1, "Refused": 0, "_wrong": 0, "closed": 0, "say": -1}  # where each has its text
TELLERS = {"name_fault", "_reason"}  # functions that return a piece of a message
FORMAT = re.compile(r"%[0-9]*[a-z]")


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


def expression(node: ast.expr) -> str:
    """A regular expression for the text that `node` makes; what is not a literal is (.+)."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return "(.+)".join(re.escape(part) for part in FORMAT.split(node.value))
    if isinstance(node, ast.JoinedStr):
        return "".join(map(expression, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return expression(node.left) + expression(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return expression(node.left)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "rstrip":
        return expression(node.func.value)
    return "(.+)"


def telling(pattern: str) -> bool:
    """Whether something of a message is left when its variable parts are taken away."""
    return len(re.sub(r"\(\.\+\)|\\.|[^a-zA-Z]", "", pattern)) >= 4


def messages() -> dict[str, str]:
    """{expression: where} of every message that board code makes."""
    found = {}
    for path, tree in python_files(REPO, *DEVICE):
        for node in ast.walk(tree):
            texts: list[ast.expr] = []
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in ARGUMENT and node.args:
                    texts = [node.args[min(ARGUMENT[name], len(node.args) - 1)]]
            elif isinstance(node, ast.FunctionDef) and node.name in TELLERS:
                texts = [part.value for part in ast.walk(node) if isinstance(part, ast.Return) and part.value]
            for text in texts:
                if telling(expression(text)):
                    found[expression(text)] = f"{path}:{text.lineno}"
    return found


def literals(*places: str) -> set[str]:
    """The expression of every text in the sources below `places`."""
    nodes = (node for _, tree in python_files(REPO, *places) for node in ast.walk(tree))
    kinds = (ast.Constant, ast.JoinedStr, ast.BinOp)
    return {expression(node) for node in nodes if isinstance(node, kinds) and telling(expression(node))}


def listed(text: str) -> list[str]:
    """The messages in the first column of the tables of a part of messages.md."""
    return [message for row in rows(text) for message in re.findall(r"`(.+?)`", row[0])]


def unfounded(text: str, *places: str) -> list[str]:
    """The listed messages that no text below `places` makes."""
    known = [re.compile(pattern) for pattern in literals(*places)]
    # A piece that something is appended to may end in a space.
    return [message for message in listed(text) if not any(one.search(message + " ") for one in known)]


def board_and_host() -> tuple[str, str]:
    board, mark, host = document("messages.md").partition("## Commands of the host")
    assert mark
    return board, host


def test_every_message_of_a_board_is_explained() -> None:
    explained = listed(board_and_host()[0])
    missing = {
        where: pattern
        for pattern, where in messages().items()
        if not any(re.search(pattern, row) for row in explained)
    }
    assert missing == {}


def test_every_explained_message_exists() -> None:
    board, host = board_and_host()
    assert len(listed(board)) > 50
    assert unfounded(board, *DEVICE) == []
    assert len(listed(host)) > 20
    assert unfounded(host, *HOST) == []


def test_an_invented_message_is_found() -> None:
    assert unfounded("| `the moon is in the way of <host>` | x | y |", *DEVICE) == [
        "the moon is in the way of <host>"
    ]


def test_every_setting_exists_and_is_documented() -> None:
    text = document("configuration.md")
    values = {value for name, value in vars(fields).items() if name.isupper()}
    settings = [row[0].strip("`") for row in rows(text) if re.fullmatch(r"`[a-z]+\.\w+`", row[0])]
    settings = [name for name in settings if not name.endswith(".json")]
    assert [name for name in settings if not set(name.split(".")) <= values] == []
    tree = ast.parse((REPO / "lib/device/core/config.py").read_text())
    read = {
        getattr(fields, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "keys"
    }
    assert {key for key in read if not re.search(rf"\b{key}\b", text)} == set()
    assert len(settings) == 12


def test_documented_defaults_are_the_defaults() -> None:
    bare = {fields.DEVICE: {fields.SERIAL_ID: "s", fields.ENDPOINT_URL: "e"}}
    settings = config.Settings(bare)
    table = [row for row in rows(document("configuration.md")) if len(row) == 4]
    default = {row[0].strip("`"): row[2].strip("`") for row in table}
    assert default["provisioning.template"] == settings.template
    assert default["provisioning.keys"].strip('"') == settings.keys
    assert default["provisioning.dailyCertificates"] == str(settings.daily_certificates)
    assert default["mqtt.port"] == str(settings.port)
    assert default["mqtt.topicPrefix"] == settings.topic_prefix
    assert json.loads(default["clock.ntp"]) == settings.ntp


def test_configuration_examples_are_taken() -> None:
    example = examples(document("configuration.md"))
    assert config.Settings(config.document(example["ento.conf"].encode())).keys == fields.KEYS_DEVICE
    assert len(wifi.read(example["wifi.json"].encode())[0]) == 2
    assert startup.switches(example["config.json"].encode())


def test_the_table_of_steps_is_the_start_up() -> None:
    table = [row for row in rows(document("configuration.md")) if row[-1] in ("yes", "not yet")]
    services = {path.stem for path in (REPO / "lib/device/services").glob("[a-z]*.py")}
    assert table == [
        [f"`{name}`", "cloud" if in_cloud else "", ", ".join(needs), "yes" if name in services else "not yet"]
        for name, needs, in_cloud in startup.STEPS
    ]


def test_faults_are_those_of_the_command() -> None:
    wide = {"max_content_width": 300, "terminal_width": 300}
    shown = CliRunner().invoke(twin, ["fault", "set", "--help"], **wide).output
    first = [re.findall(r"`([a-z-]+)`", row[0]) for row in rows(document("twin.md"))]
    named = {name for names in first for name in names}
    offered = {*faults.KINDS, *faults.STAGES}
    assert offered - named == set()
    assert [name for name in offered if name not in shown] == []
    table = {names[0]: row[1] for names, row in zip(first, rows(document("twin.md")), strict=True) if names}
    for kind, (_, stages) in faults.KINDS.items():
        assert table[kind] == ("all" if stages == faults.STAGES else "calls"), kind


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
