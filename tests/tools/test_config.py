"""config.json on the host: JSON5 in, strict JSON on the flash, and what the board would refuse is refused."""

import json
from pathlib import Path

import pytest

from cli_in_process import muster
from device.core import paths, startup
from muster.boards import all_services, described
from muster.errors import MusterError
from muster.image import read_image
from muster.image.config import notes, read_config

# As it stands in the documentation of the original agent.
EXAMPLE = """\
{
    services: {
        cloud: {
            keys: true,
            logs: true,
            provision: true,
            serialize: 'auto',
            shadow: true,
            sync: true,
        },
        database: true,
        mqtt: true,
        url: true,
        web: true,
    }
}
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "config.json5"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_the_example_is_taken_word_for_word_and_is_strict_json_on_the_flash(tmp_path: Path) -> None:
    image = tmp_path / "flash.img"
    result = muster("image", "--config", written(tmp_path, EXAMPLE), "--out", image)
    assert result.returncode == 0
    raw = read_image(image.read_bytes(), "virtual")[paths.CONFIG]
    cloud = ["keys", "logs", "provision", "serialize", "shadow", "sync"]
    expected = {name: "auto" if name == "serialize" else True for name in cloud}
    assert json.loads(raw) == {
        "services": {"cloud": expected, **dict.fromkeys(("database", "mqtt", "url", "web"), True)}
    }
    again = muster("image", "--config", written(tmp_path, raw), "--out", tmp_path / "again.img")
    assert again.returncode == 0
    assert read_image((tmp_path / "again.img").read_bytes(), "virtual")[paths.CONFIG] == raw


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("{readings: 'sideways'}", 'the direction of readings must be "up", "down" or "both"'),
        ("{readings: true}", "the direction of readings"),
        ("{Readings: 'up'}", "a table cannot be called 'Readings'"),
        ("'up'", "must be true, false or {table: direction}"),
    ],
)
def test_a_wrong_direction_of_a_table_is_refused(tmp_path: Path, value: str, why: str) -> None:
    path = written(tmp_path, "{services: {cloud: {sync: " + value + "}}}")
    result = muster("image", "--config", path, "--out", tmp_path / "flash.img")
    assert result.returncode == 1 and why in result.stderr, result.stderr
    good = written(tmp_path, "{services: {cloud: {sync: {readings: 'up', both_ways: 'both'}}}}")
    assert muster("image", "--config", good, "--out", tmp_path / "flash.img").returncode == 0


def test_comments_and_other_sections_are_no_obstacle(tmp_path: Path) -> None:
    text = "// ours\n{services: {heartbeat: false /* quiet */}, 'mine': [0x10, .5, +1]}"
    assert read_config(written(tmp_path, text)) == {
        "services": {"heartbeat": False},
        "mine": [16, 0.5, 1],
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "{services: {teapot: true}}",
            r'config\.json5: there is no service "teapot"\. The services are netw',
        ),
        ("{services: {provision: true}}", '"provision" belongs in "cloud"'),
        ("{services: {cloud: {mqtt: true}}}", '"mqtt" belongs beside "cloud"'),
        ("{services: 5}", r"the board would refuse it: .*lacks the JSON object services"),
        ("{services: {web: true}", r"is not JSON5 \(line 1"),
        ("{services: {web: true, web: false}}", 'is not JSON5 .*Duplicate key "web"'),
        ("[]", r"must hold an object"),
        ("", r"is not JSON5"),
        ("{services: {}, x: NaN}", "strict JSON does not have"),
        ('{services: {}, x: "\\ud800"}', "strict JSON does not have"),
        (b'{services: {}, x: "\xff"}', "is not UTF-8"),
        ("[" * 5000, "is nested too deeply"),
        ("{services: {}, x: '" + "y" * 9000 + "'}", "bytes; the limit is 4096"),
        (" " * 70000, "has 70000 bytes; the limit is 65536"),
    ],
    ids=range(14),
)
def test_what_the_board_would_not_take_is_refused(tmp_path: Path, text: str | bytes, sentence: str) -> None:
    with pytest.raises(MusterError, match=sentence) as caught:
        read_config(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    result = muster("image", "--config", tmp_path / "none", "--out", tmp_path / "flash.img")
    assert result.returncode == 1
    assert "none cannot be read: No such file or directory." in result.stderr


def test_host_and_board_use_the_same_words(tmp_path: Path) -> None:
    switches = {"teapot": True, "cloud": {"mqtt": True}}
    on_board = startup.plan(switches, described(all_services()))[2]
    with pytest.raises(MusterError) as caught:
        read_config(written(tmp_path, json.dumps({"services": switches})))
    for line in on_board:
        assert line in str(caught.value)


def test_what_the_switches_come_to_is_said(tmp_path: Path) -> None:
    built = [service for service in described(all_services()) if service.name != "heartbeat"]
    text = "{services: {heartbeat: true, mqtt: true, keys: true, cloud: {provision: false}}}"
    text = text.replace("keys: true, ", "")
    assert notes(read_config(written(tmp_path, text)), tuple(built)) == [
        "config.json: provision is switched on, because mqtt needs it",
        "config.json: not in this image: heartbeat",
    ]
    result = muster(
        "image", "--config", written(tmp_path, "{services: {mqtt: false}}"), "--dry-run", "--out", "x"
    )
    assert "config.json: not started: commands, renew, shadow, status, sync (mqtt is off)" in result.stderr


def test_a_wrong_export_of_the_log_is_refused_here(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, "{services: {}, logs: {by: 'mqtt'}}"))["logs"] == {"by": "mqtt"}
    with pytest.raises(MusterError, match='"by" must be "mqtt" or "cloudwatch"'):
        read_config(written(tmp_path, "{services: {}, logs: {by: 'post'}}"))


def test_a_profile_of_the_host_can_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "own"))
    path = written(tmp_path, "{services: {heartbeat: false}}")
    assert muster("profile", "add", "lab", "--config", path).returncode == 0
    assert muster("image", "--profile", "lab", "--out", tmp_path / "flash.img").returncode == 0
    files = read_image((tmp_path / "flash.img").read_bytes(), "virtual")
    assert json.loads(files[paths.CONFIG]) == {"services": {"heartbeat": False}}


def test_the_builder_goes_into_config_json(tmp_path: Path) -> None:
    image = tmp_path / "flash.img"
    config = written(tmp_path, "{services: {web: false}, api: {pollLimit: 60}}")
    words = ("--serial", "cam-1", "--config", config, "--builder", "https://b.example/api", "--out", image)
    result = muster("image", *words)
    assert result.returncode == 0, result.stderr
    assert "claim credentials" not in result.stderr, "the builder gives them"
    files = read_image(image.read_bytes(), "virtual")
    assert json.loads(files[paths.CONFIG]) == {
        "services": {"web": False},
        "api": {"pollLimit": 60, "builder": "https://b.example/api"},
    }
    result = muster("image", "--builder", "http://b.example/api", "--out", image)
    assert result.returncode != 0 and "begins with https://" in result.stderr
