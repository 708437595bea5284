"""`muster twin` as people use it: in a process of its own."""

import re
import signal
import stat

import pytest

from muster.registry import Registry
from tools.twin.helpers import Device
from tools.twin.processes import muster, process
from tools.twin.raw import Raw


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_and_stop(tmp_path, number):
    home = tmp_path / "home"
    with process(home) as (running, twin):
        raw = Raw(twin, twin.claim_certificate_path, twin.claim_key_path).connect("cam1")
        for name in ("ca.key", "server.key", "claim/private.pem.key", "registry.db"):
            assert stat.S_IMODE((home / name).stat().st_mode) == 0o600, name
        running.send_signal(number)
        assert running.wait(25) == 0, "it waited for its clients, whose keep-alive is 30 s at least"
        assert raw.is_closed()
        assert running.stdout.read() == ""
        assert running.stderr.read() == ""


@pytest.mark.parametrize(("options", "is_told"), [((), False), (("-v",), True)])
def test_connections_are_told_with_v_only_whatever_the_page_keeps(tmp_path, options, is_told):
    with process(tmp_path / "home", "--page-port", "0", *options) as (running, twin):
        Raw(twin, twin.claim_certificate_path, twin.claim_key_path).connect("cam1").close()
        running.send_signal(signal.SIGTERM)
        assert running.wait(25) == 0
        assert ("cam1: connected" in running.stderr.read()) is is_told


def test_a_second_run_keeps_everything(tmp_path):
    home = tmp_path / "home"
    with process(home) as (_, twin):
        camera = Device(twin, tmp_path, "cam1")
    kept = {path: path.read_bytes() for path in home.rglob("*") if path.suffix in (".pem", ".key", ".crt")}
    with process(home) as (_, twin):
        camera.twin = twin
        camera.connect()
    assert kept == {path: path.read_bytes() for path in kept}


def test_another_host_name_gets_another_server_certificate(tmp_path):
    with process(tmp_path / "home") as (_, twin):
        pass
    with process(tmp_path / "home", "--host", "twin.example", "--bind", "127.0.0.1") as (_, twin):
        assert twin.host == "twin.example"
        Raw(twin, twin.claim_certificate_path, twin.claim_key_path, server_hostname="twin.example")


def test_two_twins_do_not_share_a_home_or_a_port(tmp_path):
    with process(tmp_path / "home") as (_, twin):
        second = muster("run", "--home", tmp_path / "home", "--mqtt-port", 0)
        assert (second.returncode, second.stdout) == (1, "")
        assert "runs in" in second.stderr and "Traceback" not in second.stderr
        third = muster("run", "--home", tmp_path / "other", "--mqtt-port", twin.port)
        assert third.returncode == 1
        assert "--mqtt-port" in third.stderr and "Traceback" not in third.stderr


def test_certificates_revoke_boots_and_faults(tmp_path):
    home = tmp_path / "home"
    with process(home) as (_, twin):
        camera = Device(twin, tmp_path, "cam1")
        raw = camera.connect()
        raw.publish("cameraDevice/cam1/booted", b'{"serialID": "cam1"}', qos=1)
        assert "cameraDevice/cam1/booted" in muster("boots", "--home", home).stdout
        listed = muster("certificates", "--home", home).stdout
        assert re.search(rf"{camera.certificate_id}\tACTIVE\tcam1\t", listed)
        done = muster("revoke", camera.certificate_id[:16], "--home", home)
        assert (done.returncode, done.stdout) == (0, f"revoked {camera.certificate_id}\n")
        assert raw.is_closed()
        done = muster("fault", "set", "connect", "reject", "--number", 5, "--count", 2, "--home", home)
        assert done.stdout == "fault 1 is set\n"
        assert "1\tconnect\treject\t\t5\t*\t2" in muster("fault", "list", "--home", home).stdout
        claiming = Raw(twin, twin.claim_certificate_path, twin.claim_key_path)
        with pytest.raises(AssertionError):
            claiming.connect("cam2")
        assert muster("fault", "clear", "--home", home).stdout == "1 fault removed\n"
        Raw(twin, twin.claim_certificate_path, twin.claim_key_path).connect("cam2")


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("certificates", "--home", "HOME/none"), 1, "no registry in"),
        (("revoke", "abc", "--home", "HOME"), 1, "no certificate begins"),
        (("revoke", "", "--home", "HOME"), 1, "no certificate begins"),
        (("fault", "set", "nowhere", "reject", "--home", "HOME"), 2, "'nowhere' is not one of 'connect'"),
        (("fault", "set", "connect", "nonsense", "--home", "HOME"), 2, "'nonsense' is not one of 'reject'"),
        (("fault", "clear", "7", "--home", "HOME"), 1, "no fault 7"),
        (("template", "T", "HOME/bad.json", "--home", "HOME"), 1, "not JSON"),
        (("run", "--home", "HOME", "--mqtt-port", "70000"), 2, "70000"),
        (("run", "--home", "HOME", "--mqtt-port", "0", "--hook", "nothing:f"), 1, "hook"),
        (("run", "--home", "HOME/bad.json", "--mqtt-port", "0"), 2, "bad.json"),
    ],
)
def test_wrong_use_gets_one_sentence(tmp_path, arguments, code, part):
    Registry(tmp_path).close()
    (tmp_path / "bad.json").write_text("{")
    done = muster(*[argument.replace("HOME", str(tmp_path)) for argument in arguments])
    assert done.returncode == code, done
    assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_store_a_template(tmp_path):
    registry = Registry(tmp_path)
    (tmp_path / "good.json").write_text('{"Resources": {"c": {"Type": "AWS::IoT::Certificate"}}}')
    assert muster("template", "T", tmp_path / "good.json", "--home", tmp_path).returncode == 0
    assert registry.templates.get("T").is_enabled == 1
