"""The options of `muster twin run`: what they set, and what is refused."""

import socket
from pathlib import Path
from typing import Any

import pytest

from muster.cli.twin import run as run_module
from muster.errors import FAILED, WRONG_USE
from muster.twin.settings import Settings
from tools.fleet.cli_runner import Tool


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings of twins that would run."""
    found: list[Settings] = []

    async def take(_: Path, settings: Settings) -> None:
        found.append(settings)

    monkeypatch.setattr(run_module, "_run", take)
    return found


def test_without_options_it_is_as_on_aws(tool: Tool, chosen: list[Settings]) -> None:
    tool.good("twin", "run")
    (settings,) = chosen
    assert settings.mqtt_port == 8883
    assert settings.throttle is True
    assert settings == Settings(mqtt_port=8883, throttle=True, certificate_ttl_h=settings.certificate_ttl_h)


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("--mqtt-port 0", "mqtt_port", 0),
        ("--https-port 0", "https_port", 0),
        ("--page-port 8480", "page_port", 8480),
        ("--page-bind 0.0.0.0", "page_bind", "0.0.0.0"),
        ("--no-throttle", "throttle", False),
        ("--require-sni", "require_sni", True),
        ("--refuse-code 5", "refuse_return_code", 5),
        ("--aws-connect-rate", "connects_per_s_and_client", 1),
        ("--handshake-wait-s 2.5", "limits.connect_wait_s", 2.5),
        ("--session-expiry-s 60", "limits.session_expiry_s", 60),
        ("--token-life-s 90", "token_life_s", 90),
        ("--host 192.168.1.7", "host", "192.168.1.7"),
        ("--host ::1", "host", "::1"),
        ("--host my-machine.lan --bind 0.0.0.0", "bind", "0.0.0.0"),
    ],
)
def test_an_option_sets(tool: Tool, chosen: list[Settings], words: str, name: str, value: Any) -> None:
    tool.good("twin", "run", *words.split())
    found: Any = chosen[0]
    for part in name.split("."):
        found = getattr(found, part)
    assert found == value


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--host", "a b"], "'a b' must be a host name or an IP address"),
        (["--host", ""], "'' must be a host name"),
        (["--host", "-x.lan"], "must be a host name"),
        (["--host", "mqtts://localhost"], "must be a host name"),
        (["--bind", "a:1"], "must be a host name"),
        (["--mqtt-port", "70000"], "70000"),
        (["--token-life-s", "nan"], "is not a finite number"),
        (["--token-life-s", "1e9"], "604800"),
        (["--handshake-wait-s", "inf"], "inf"),
        (["--handshake-wait-s", "0"], "0"),
        (["--session-expiry-s", "-1"], "-1"),
        (["--refuse-code", "0"], "0"),
        (["--https-port", "70000"], "70000"),
        (["--page-port", "-1"], "-1"),
        (["--page-bind", "a b"], "must be a host name"),
    ],
)
def test_wrong_values_are_refused(tool: Tool, chosen: list[Settings], words: list[str], why: str) -> None:
    result = tool("twin", "run", *words)
    assert (result.code, result.output) == (WRONG_USE, "")
    assert why in result.error and result.error.count("\n") == 1
    assert chosen == [] and not tool.home.exists()


@pytest.mark.parametrize(
    ("host", "address"),
    [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("x.lan", "0.0.0.0")],
)
def test_a_loopback_host_is_not_offered_to_the_network(host: str, address: str) -> None:
    assert Settings(host=host).bind_address == address


@pytest.mark.parametrize("option", ["--mqtt-port", "--https-port", "--page-port"])
def test_a_port_that_is_taken_is_one_sentence(tool: Tool, option: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        words = ["--mqtt-port", "0", "--page-port", "0", option, str(port), "--claim-key", "ec"]
        result = tool("twin", "run", *words)
    assert (result.code, result.output) == (FAILED, "")
    where = "" if option == "--mqtt-port" else " of 127.0.0.1"
    assert result.error == (
        f"muster: the twin cannot listen on port {port}{where} (another program uses it):"
        f" choose another with {option}, or 0 for a free one\n"
    )
