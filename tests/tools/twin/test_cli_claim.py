"""The claim certificate on the command line: revoked only after a question, replaced by a command."""

from pathlib import Path

import pytest

from muster.errors import FAILED, WRONG_USE
from muster.registry import Registry
from muster.twin import home as home_folder
from muster.twin.settings import Settings
from tools.fleet.cli_runner import Tool


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """With the home of a twin that ran."""
    tool = Tool(tmp_path, monkeypatch)
    tool.home.mkdir(mode=0o700)
    home_folder.prepare(tool.home, Settings(authority_key="ec", claim_key="ec"))
    return tool


def claims(tool: Tool) -> dict[str, str]:
    registry = Registry(tool.home)
    try:
        return {one.certificate_id: one.status for one in registry.certificates.all() if one.is_claim}
    finally:
        registry.close()


def test_the_claim_certificate_is_not_revoked_without_a_question(tool: Tool) -> None:
    (claim_id,) = claims(tool)
    result = tool("twin", "revoke", claim_id[:8])
    assert (result.code, result.output) == (WRONG_USE, "")
    assert "; nothing was revoked; use --yes" in result.error
    assert claims(tool) == {claim_id: "ACTIVE"}
    assert tool.good("twin", "revoke", claim_id[:8], "--yes").output == f"revoked {claim_id}\n"
    assert claims(tool) == {claim_id: "REVOKED"}


def test_an_answer_revokes_it(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("muster.cli.options.is_interactive", lambda: True)
    (claim_id,) = claims(tool)
    for answer, status in ((False, "ACTIVE"), (True, "REVOKED")):
        monkeypatch.setattr("click.confirm", lambda *_, answer=answer, **__: answer)
        assert tool("twin", "revoke", claim_id[:8]).code == (0 if answer else FAILED)
        assert claims(tool) == {claim_id: status}


def test_a_new_claim_takes_the_place_of_the_old(tool: Tool) -> None:
    (old,) = claims(tool)
    folder = tool.home / "claim"
    before = (folder / "certificate.pem.crt").read_bytes()
    lines = tool.good("twin", "claim", "new", "--claim-key", "ec").output.splitlines()
    (new,) = claims(tool).keys() - {old}
    assert lines == [
        f"created claim certificate {new}",
        f"its files are in {folder}: build new images with them",
        f"still active: {old} (`muster twin revoke {old[:12]}` ends it)",
    ]
    assert (folder / "certificate.pem.crt").read_bytes() != before
    tool.good("twin", "revoke", old, "--yes")
    response = tool.good("twin", "claim", "new", "-o", "json").response
    assert response["folder"] == str(folder) and response["stillActive"] == [new]


def test_without_a_home_there_is_no_claim(tool: Tool) -> None:
    result = tool("twin", "claim", "new", "--home", "nowhere")
    assert (result.code, result.output) == (FAILED, "")
    assert "there is no registry in nowhere yet" in result.error
