"""`muster add product` and `muster add account`."""

import json
from pathlib import Path

import pytest

from muster.errors import WRONG_USE
from muster.registry import Registry
from muster.twin.https import passwords
from tools.fleet.cli_runner import Tool

PASSWORD = "correct horse battery"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "password.txt"
    path.write_text(PASSWORD + "\n")
    return path


def test_a_product_has_a_token_that_is_shown_once(tool: Tool) -> None:
    answer = json.loads(tool.good("add", "product", "camera", "-o", "json").output)["response"]
    assert answer["created"] is True and len(answer["productToken"]) == 32
    registry = Registry(tool.home)
    assert registry.products.of_token(answer["productToken"]) == "camera"
    assert registry.products.of_token("x") is None and registry.products.names() == ["camera"]
    again = tool.good("add", "product", "camera").output
    assert "exists already; nothing was changed" in again and answer["productToken"] not in again
    assert answer["productToken"].encode() not in (tool.home / "registry.db").read_bytes()


def test_an_account_is_a_hash(tool: Tool, file: Path) -> None:
    text = tool.good("add", "account", "ada", "--password-file", str(file)).output
    assert text == 'Added account "ada" successfully\n'
    account = Registry(tool.home).accounts.get("ada")
    assert account is not None and PASSWORD not in account.password
    assert passwords.matches(PASSWORD, account.password)
    assert not passwords.matches(PASSWORD + "x", account.password)


def test_a_password_is_replaced_only_when_told(tool: Tool, file: Path) -> None:
    words = ("add", "account", "ada", "--password-file", str(file))
    tool.good(*words)
    file.write_text("another password")
    assert "nothing was changed" in tool.good(*words).output
    assert "Changed the password" in tool.good(*words, "--replace").output
    account = Registry(tool.home).accounts.get("ada")
    assert account is not None and passwords.matches("another password", account.password)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("short", "at least 10 characters"),
        ("x" * 300, "at most 256 bytes"),
        ("two lines\nof a password", "must have one line"),
        ("", "must have one line"),
        ("a tab\tin the middle", "no control characters"),
    ],
)
def test_bad_passwords_are_refused(tool: Tool, file: Path, content: str, why: str) -> None:
    file.write_text(content)
    result = tool("add", "account", "ada", "--password-file", str(file))
    assert result.code == WRONG_USE and why in result.error
    assert content.strip() == "" or content not in result.error


def test_an_operator_is_made_and_unmade(tool: Tool, file: Path) -> None:
    words = ("add", "account", "ada", "--password-file", str(file))
    assert 'Would add account "ada" as an operator' in tool.good(*words, "--operator", "--dry-run").output
    assert tool.good(*words, "--operator").output == 'Added account "ada" as an operator successfully\n'
    before = Registry(tool.home).accounts.get("ada")
    assert before is not None and before.is_operator
    assert "nothing was changed" in tool.good(*words, "--operator").output
    file.write_text("another password")
    assert "nothing was changed" in tool.good(*words).output, "it stays one"
    assert tool.good("add", "account", "ada", "--no-operator").output == (
        'Changed account "ada", no operator successfully\n'
    )
    assert Registry(tool.home).accounts.get("ada") == before._replace(is_operator=0), "the same password"
    tool.good("add", "account", "ada", "--operator")
    assert Registry(tool.home).accounts.get("ada") == before
    tool.good(*words, "--replace")
    after = Registry(tool.home).accounts.get("ada")
    assert after is not None and after.is_operator and after.password != before.password


def test_an_account_is_no_operator_by_itself(tool: Tool, file: Path) -> None:
    tool.good("add", "account", "ada", "--password-file", str(file))
    account = Registry(tool.home).accounts.get("ada")
    assert account is not None and not account.is_operator


def test_without_a_terminal_nobody_is_asked(tool: Tool) -> None:
    result = tool("add", "account", "ada")
    assert result.code == WRONG_USE and "use --password-file" in result.error


@pytest.mark.parametrize("name", ["Ada", "a b", "-x", ""])
@pytest.mark.parametrize("what", ["account", "product"])
def test_names_keep_the_rule(tool: Tool, what: str, name: str) -> None:
    assert tool("add", what, "--", name).code == WRONG_USE


@pytest.mark.parametrize(
    "stored", ["", "x", "scrypt$15$8$1$zz$00", "scrypt$99$8$1$00$00", "other$15$8$1$00$00", passwords.NOBODY]
)
def test_a_broken_hash_matches_nothing(stored: str) -> None:
    assert not passwords.matches("", stored) and not passwords.matches(PASSWORD, stored)
