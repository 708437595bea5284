"""The rules of the tree hold here, and each of them can fail."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import rules

REPO = Path(__file__).resolve().parents[1]
LONG_FUNCTION = "def f():{}\n" + "    x = 1\n" * 41

# rule -> (a file of a small tree that breaks it, its content)
BREACHES: dict[rules.Rule, list[tuple[str, str]]] = {
    rules.core_is_pure: [
        ("lib/device/core/a.py", "import time\n"),
        ("lib/device/core/a.py", "def f():\n    from device.port import clock\n"),
        ("lib/device/core/a.py", "from device.claim import journal\n"),
        ("lib/device/core/a.py", "import micropython\n"),
        ("lib/device/core/a.py", "from collections import deque\n"),
        ("lib/device/core/compat.py", "from micropython import const\n"),
        ("lib/device/claim/a.py", "import asyncio\n"),
        ("lib/device/claim/a.py", "from device.runtime import session\n"),
    ],
    rules.arrows_run_one_way: [
        ("lib/device/core/a.py", "from device.claim import journal\n"),
        ("lib/device/claim/a.py", "from device.runtime.identity import know_self\n"),
        ("lib/device/claim/a.py", "from device.port import store\n"),
        ("lib/device/port/a.py", "from device.services import mqtt\n"),
        ("lib/device/port/a.py", "from device.runtime.modules import unload\n"),
        ("lib/device/port/a.py", "from device.claim import csr\n"),
        ("lib/device/runtime/a.py", "def f():\n    from device.port import clock\n"),
        ("lib/device/runtime/a.py", "from device.services.status import Status\n"),
        ("lib/device/runtime/a.py", "import device.claim.provision\n"),
        ("lib/device/runtime/a.py", "from device import _build\n"),
        ("lib/device/services/a.py", "from device.port.clock import Clock\n"),
        ("lib/device/services/a.py", "from device.services import status\n"),
        ("lib/device/services/a.py", "from ..port import clock\n"),
        ("lib/device/services/a.py", "import device\n"),
    ],
    rules.host_arrows_run_one_way: [
        ("tools/muster/registry/a.py", "from muster.enrolment import secrets\n"),
        ("tools/muster/enrolment/a.py", "from muster.twin.settings import Settings\n"),
        ("tools/muster/twin/a.py", "def f():\n    from muster.fleet import groups\n"),
        ("tools/muster/twin/a.py", "from muster import cloud\n"),
        ("tools/muster/mpy.py", "from muster.image import board\n"),
    ],
    rules.only_boot_and_main_compose_ports: [
        ("tools/muster/a.py", "import device.port.store\n"),
        ("lib/device/services/a.py", "from device import port\n"),
        ("lib/device/runtime/a.py", "from device.port import board\n"),
    ],
    rules.twin_shares_names_only: [
        ("tools/muster/twin/a.py", "from device.core import slots\n"),
        ("tools/muster/twin/a.py", "from device.claim import answers\n"),
    ],
    rules.device_imports_exist: [("lib/device/port/a.py", "from typing import Any\n")],
    rules.tests_import_no_tests: [
        ("tests/system/test_a.py", "from tests.system.test_b import board\n"),
        ("tests/core/test_a.py", "import test_b\n"),
    ],
    rules.topics_have_one_home: [
        ("lib/device/services/a.py", 'T = "$aws/things/x"\n'),
        ("tools/muster/a.py", 'T = f"{x}/accepted"\n'),
        ("main.py", 'T = b"p/s/booted"\n'),
    ],
    rules.paths_have_one_home: [
        ("lib/device/port/a.py", 'P = "/etc/entomologist/x"\n'),
        ("tools/muster/a.py", 'P = "claim/certificate.pem.crt"\n'),
        ("boot.py", 'P = "ento.conf"\n'),
    ],
    rules.keys_have_one_home: [
        ("tools/muster/a.py", 'answer["certificateId"]\n'),
        ("lib/device/core/a.py", 'K = "SERIAL_ID"\n'),
    ],
    rules.composition_is_short: [("boot.py", "x = 1\n" * 41), ("main.py", "x = 1\n" * 41)],
    rules.files_are_one_subject: [("tools/a.py", "x = 1\n" * 401), ("tests/a.py", "x = 1\n" * 401)],
    rules.functions_are_short: [
        ("lib/device/core/a.py", LONG_FUNCTION.format("")),
        ("tests/a.py", LONG_FUNCTION.format("  # long:")),
    ],
    rules.only_ports_print: [
        ("lib/device/core/a.py", "def f():\n    print(1)\n"),
        ("lib/device/claim/a.py", "print(1)\n"),
        ("lib/device/runtime/a.py", "print(1)\n"),
        ("lib/device/services/a.py", "print(1)\n"),
    ],
    rules.interrupts_get_through: [
        ("boot.py", "try:\n    f()\nexcept:\n    g()\n"),
        ("lib/device/port/a.py", "try:\n    f()\nexcept (OSError, BaseException):\n    g()\n"),
    ],
    rules.endless_coroutines_import_nothing: [
        (
            "lib/device/services/a.py",
            "async def run():\n    from device.core import log\n    while True:\n        await log.x()\n",
        )
    ],
    rules.device_does_not_assert: [("lib/device/port/a.py", "assert x\n")],
}

# What looks like a breach and is none.
GOOD_TREE = {
    "boot.py": "from device.port import compose\ntry:\n    f()\nexcept Exception:\n    g()\n",
    "lib/device/core/a.py": '"""Answers come on $aws/.../accepted."""\nimport json\n',
    "lib/device/core/b.py": "from collections import namedtuple\nfrom device.core import fields\n",
    "lib/device/claim/a.py": "import json\nfrom device.claim import journal\nfrom device.core import slots\n",
    "lib/device/port/a.py": "import network\nfrom device import _build\nimport device.port.b\nprint(1)\n",
    "lib/device/runtime/a.py": "import asyncio\nfrom device.core import a\nfrom device.runtime import b\n",
    "lib/device/services/a.py": "from device.claim import csr\nfrom device.runtime.service import Service\n",
    "tools/muster/a.py": 'from device.claim import provision\nP = "main.py"\nK = "port"\n'
    + LONG_FUNCTION.format("  # long: a table"),
    "tools/muster/twin/a.py": "from device.core import fields, topics\n",
    "tools/muster/twin/b.py": "from muster.enrolment import secrets\n",
    "tests/system/test_a.py": "from tests.system.shadows import desire\n",
}


def write_tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize("rule", BREACHES, ids=lambda rule: rule.__name__)
def test_rule_holds(rule: rules.Rule) -> None:
    assert rule(REPO) == []


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [(rule, *breach) for rule, breaches in BREACHES.items() for breach in breaches],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_rule_can_fail(rule: rules.Rule, name: str, text: str, tmp_path: Path) -> None:
    found = rule(write_tree(tmp_path, {name: text}))
    assert len(found) == 1
    assert found[0].startswith(name)


@pytest.mark.parametrize("rule", BREACHES, ids=lambda rule: rule.__name__)
def test_rule_lets_good_code_pass(rule: rules.Rule, tmp_path: Path) -> None:
    assert rule(write_tree(tmp_path, GOOD_TREE)) == []


def tracked_files() -> list[Path]:
    if shutil.which("git") is None:
        pytest.skip("there is no `git` on PATH: which files are tracked is unknown")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPO, capture_output=True, text=True, timeout=30)
    if listed.returncode:
        pytest.skip("not a git checkout: which files are tracked is unknown")
    return [REPO / name for name in listed.stdout.split("\0") if name]


def test_no_tracked_file_names_a_machine() -> None:
    assert rules.names_no_machine(tracked_files()) == []


@pytest.mark.parametrize("text", ["see /{}/main\n", "index = https://example.org/{}/\n"])
def test_a_machine_name_is_found(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text.format("work" if text.startswith("see") else "simple"))
    assert len(rules.names_no_machine([path])) == 1


def test_lock_file_pins_what_pyproject_asks_for() -> None:
    asked = re.findall(
        r'^    "([A-Za-z0-9_.-]+)==([^";\s]+)', (REPO / "pyproject.toml").read_text(), re.MULTILINE
    )
    locked = dict(
        line.split(" ")[0].lower().replace("_", "-").split("==")
        for line in (REPO / "requirements.lock").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert len(asked) > 5
    assert {name: locked.get(name.lower().replace("_", "-")) for name, _ in asked} == dict(asked)
