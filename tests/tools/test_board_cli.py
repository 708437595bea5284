"""`muster image` and `muster board` as a person uses them."""

import fcntl
import json
import os
import pty
import re
import signal
import stat
import subprocess
import sys
import threading

import pytest
from tests.cli_in_process import muster
from tests.tools.claims import write_claim

from device.core import paths
from muster import pack
from muster.image import build_image, read_image

CONF = ["--serial", "a", "--endpoint", "e"]
SECRET = "marker-secret-5f1c"


def muster_process(*words):
    command = [sys.executable, "-m", "muster", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def flash(tmp_path):
    """An image with a short program and things that are not for every eye."""
    wifi = {"networks": [{"ssid": "home", "password": SECRET}]}
    files = {
        "/main.py": b"import os\nprint('hello')\nprint(os.listdir('/'))\n",
        paths.WIFI: json.dumps(wifi).encode(),
        paths.JOURNAL: b'{"certificateOwnershipToken": "' + SECRET.encode(),
        f"{paths.CERT}/{paths.PRIVATE_KEY}": f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}\n".encode(),
        f"{paths.CERT}/copy": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n".encode(),
    }
    path = tmp_path / "flash.img"
    path.write_bytes(build_image(files, "virtual"))
    return path


def test_run_prints_the_console_and_gives_the_exit_code(flash):
    result = muster_process("board", "run", "--image", flash)
    assert result.returncode == 0
    assert result.stdout.splitlines()[0] == "hello"


def test_run_cuts_power(tmp_path):
    path = tmp_path / "flash.img"
    path.write_bytes(build_image({"/main.py": b"open('/f', 'w').close()"}, "virtual"))
    result = muster_process("board", "run", "--image", path, "--cut-at", "1")
    assert result.returncode == 137
    assert result.stdout == "virtual board: power cut at operation 1\n"


@pytest.mark.parametrize("resets", [0, 1])
def test_a_cut_that_never_happened_is_said(tmp_path, resets):
    main = "import os, machine\nopen('/f', 'a').close()\n"
    main += "if 'g' not in os.listdir('/'):\n    open('/g', 'w').close()\n    machine.reset()\n" * resets
    path = tmp_path / "flash.img"
    path.write_bytes(build_image({"/main.py": main.encode()}, "virtual"))
    result = muster_process("board", "run", "--image", path, "--cut-at", "500", "--tear")
    assert result.returncode == 0
    assert re.fullmatch(
        r"muster: the power was not cut: the board made only \d+ block operations?\n", result.stderr
    )


def test_killing_run_ends_the_board_and_leaves_no_file(tmp_path):
    (tmp_path / "tmp").mkdir()
    path = tmp_path / "flash.img"
    path.write_bytes(build_image({"/main.py": b"print('on')\nwhile True:\n    pass"}, "virtual"))
    words = [sys.executable, "-m", "muster", "board", "run", "--image", str(path)]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout.readline() == "on\n"
        second = muster_process("board", "run", "--image", path)
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr.startswith("muster: another virtual board is on with ")
        process.kill()
    assert list((tmp_path / "tmp").iterdir()) == []
    with path.open("rb") as image:  # MicroPython holds the lock as long as it runs
        waiting = threading.Thread(target=fcntl.flock, args=(image, fcntl.LOCK_EX), daemon=True)
        waiting.start()
        waiting.join(60)
        assert not waiting.is_alive()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_run_ends_cleanly_on_a_signal(tmp_path, number, code):
    path = tmp_path / "flash.img"
    path.write_bytes(build_image({"/main.py": b"import time\nprint('on')\ntime.sleep(60)"}, "virtual"))
    words = [sys.executable, "-m", "muster", "board", "run", "--image", str(path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, **pipes) as process:
        assert process.stdout.readline() == "on\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert err == "muster: the virtual board was switched off\n"


def test_ls_lists_files_with_sizes(flash):
    result = muster("board", "ls", "--image", flash)
    head, *rows = result.stdout.splitlines()
    assert head == "bytes\tpath"
    assert f"50\t{paths.CERT}/{paths.PRIVATE_KEY}" in rows
    assert re.fullmatch(r"muster: \d+ of 212 blocks are used\n", result.stderr)
    below = muster("board", "ls", "--image", flash, paths.CERT).stdout
    assert "/main.py" not in below and "copy" in below


def test_ls_looks_into_the_pack(tmp_path):
    files = {paths.PACK: pack.write({"device/a.mpy": b"12345"})}
    path = tmp_path / "flash.img"
    path.write_bytes(build_image(files, "virtual"))
    assert f"5\t{paths.PACKED}/device/a.mpy\n" in muster("board", "ls", "--image", path).stdout
    response = json.loads(muster("board", "ls", "--image", path, "-o", "json").stdout)["response"]
    assert response["blocks"] == 212 > response["usedBlocks"] > 0
    assert [(one["path"], one["packed"]) for one in response["files"]] == [
        (paths.PACK, False),
        (f"{paths.PACKED}/device/a.mpy", True),
    ]
    path.write_bytes(build_image({paths.PACK: files[paths.PACK][:-1]}, "virtual"))
    assert "is cut short or damaged" in muster("board", "ls", "--image", path).stderr


def test_cat_prints_a_file(flash):
    assert muster("board", "cat", "--image", flash, "/main.py").stdout.startswith("import os\n")


def test_cat_ends_its_line_at_a_terminal_only(tmp_path):
    path = tmp_path / "flash.img"
    path.write_bytes(build_image({"/f": b"no line end"}, "virtual"))
    words = [sys.executable, "-m", "muster", "board", "cat", "--image", str(path), "/f"]
    assert subprocess.run(words, capture_output=True, timeout=60).stdout == b"no line end"
    screen, other_end = pty.openpty()
    try:
        assert subprocess.run(words, stdout=other_end, timeout=60).returncode == 0
        assert os.read(screen, 100) == b"no line end\r\n"
    finally:
        os.close(screen)
        os.close(other_end)


@pytest.mark.parametrize(
    "path", [paths.WIFI, paths.JOURNAL, f"{paths.CERT}/{paths.PRIVATE_KEY}", f"{paths.CERT}/copy"]
)
def test_cat_shows_secrets_only_when_asked(flash, path):
    result = muster("board", "cat", "--image", flash, path)
    assert SECRET not in result.stdout + result.stderr
    assert result.returncode == (0 if path == paths.WIFI else 1)
    assert SECRET in muster("board", "cat", "--image", flash, "--secrets", path).stdout


def test_cat_masks_passwords_and_shows_the_rest(flash):
    shown = json.loads(muster("board", "cat", "--image", flash, paths.WIFI).stdout)
    assert shown == {"networks": [{"ssid": "home", "password": "***"}]}


def test_image_from_options(tmp_path):
    write_claim(tmp_path / "claim")
    (tmp_path / "wifi.json").write_text('{"networks": []}')
    (tmp_path / "config.json").write_text("{}")
    out, uf2 = tmp_path / "out" / "f.img", tmp_path / "f.uf2"
    words = ["image", "--board", "pico_w", "--out", out, "--uf2", uf2, "--serial", "CAM1"]
    words += ["--endpoint", "a.example", "--port", "1234", "--keys", "device", "--template", "T"]
    words += ["--parameter", "site=north", "--claim", tmp_path / "claim", "--wifi", tmp_path / "wifi.json"]
    words += ["--add", f"{paths.CONFIG}={tmp_path / 'config.json'}", "--build-time", "1790000000"]
    (tmp_path / "password").write_text("correct horse battery")
    words += ["--web-password-file", tmp_path / "password"]
    result = muster(*words)
    assert (result.returncode, result.stdout.count("\n")) == (0, 2), result.stderr
    assert "nobody can tell whether the root CA (CN=claim) is that of a.example" in result.stderr
    files = read_image(out.read_bytes(), "pico_w")
    assert json.loads(files[paths.CONF]) == {
        "device": {"SERIAL_ID": "CAM1", "ENDPOINT_URL": "a.example", "PROVISION_STATUS": "False"},
        "mqtt": {"port": 1234},
        "provisioning": {"template": "T", "keys": "device", "parameters": {"site": "north"}},
    }
    assert files[paths.CONFIG] == b"{}"
    assert f"{paths.BOOTSTRAP}/{paths.PRIVATE_KEY}" in files
    assert uf2.stat().st_size == 212 * 4096 * 2
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (out, uf2))
    first = out.read_bytes()
    assert muster(*words).returncode == 0 and out.read_bytes() == first


def test_conf_file_is_the_base_and_options_win(tmp_path):
    conf = {"device": {"SERIAL_ID": "A", "ENDPOINT_URL": "a.example"}, "mine": {"kept": True}}
    (tmp_path / "ento.conf").write_text(json.dumps(conf))
    out = tmp_path / "f.img"
    result = muster("image", "--out", out, "--conf", tmp_path / "ento.conf", "--serial", "B")
    assert result.returncode == 0 and "cannot provision yet" in result.stderr
    written = json.loads(read_image(out.read_bytes())[paths.CONF])
    assert written["device"]["SERIAL_ID"] == "B" and written["mine"] == {"kept": True}


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (
            ["image"],
            2,
            "Missing option '--out FILE', where to write the image of one board: use `muster images`",
        ),
        (["image", "-g", "cameras"], 2, "-g belongs to images of devices: use `muster images` for devices"),
        (
            ["image", "--all", "--board", "esp32"],
            2,
            "--all belongs to images of devices: use `muster images`",
        ),
        (["image", "camera-1", "--out", "{tmp}/f"], 2, "(camera-1): use `muster images` for devices"),
        (["image", "camera-1", "--board", "pico_w", "--with-uf2"], 2, "use `muster images` for devices"),
        (["image", "--out", "{tmp}/f", "--board", "arduino"], 2, "'arduino' is not one of 'esp32'"),
        (["image", "--out", "{tmp}/f", "--board", "esp32", "--uf2", "{tmp}/u"], 2, "takes no UF2"),
        (["image", "--out", "{tmp}/f", "--ca", "{tmp}/ca"], 2, "--claim"),
        (["image", "--out", "{tmp}/f", "--claim", "{tmp}/none"], 1, "cannot be read"),
        (["image", "--out", "{tmp}/f", "--conf", "{tmp}/none"], 1, "cannot be read"),
        (["image", "--out", "{tmp}/f", "--conf", "{tmp}/bad.json"], 1, "line 2"),
        (["image", "--out", "{tmp}/f", "--wifi", "{tmp}/list.json"], 1, "JSON object"),
        (["image", "--out", "{tmp}/f", "--serial", "a/b", "--endpoint", "e"], 1, "contains '/'"),
        (["image", "--out", "{tmp}/f", "--serial", "a"], 1, "ENDPOINT_URL"),
        (["image", "--out", "{tmp}/f", "--parameter", "x"], 2, "NAME=VALUE"),
        (
            ["image", "--out", "{tmp}/f", "--parameter", "serialID=z", *CONF],
            2,
            "gives the template parameter",
        ),
        (["image", "--out", "{tmp}/f", "--add", "nope"], 2, "'--add': 'nope' must have the form PATH=FILE."),
        (["image", "--out", "{tmp}/f", "--add", "x=y"], 2, "must be absolute"),
        (["image", "--out", "{tmp}/f", "--add", "/etc/../../x=y"], 2, "it has the part '..'"),
        (["image", "--out", "{tmp}/f", "--add", "/etc//x=y"], 2, "it has the part ''"),
        (["image", "--out", "{tmp}/f", "--add", "/a\tb=y"], 2, "cannot be printed"),
        (["image", "--out", "{tmp}/f", "--add", f"/{'x' * 256}=y"], 2, "more than 255 bytes"),
        (["image", "--out", "{tmp}/f", *2 * ["--add", "/x={tmp}/bad.json"]], 2, "names /x twice"),
        (["image", "--out", "{tmp}/f", "--add", "/lib={tmp}/bad.json"], 2, "it is the folder of /lib/"),
        (
            ["image", "--out", "{tmp}/f", "--build-time", "9" * 20],
            2,
            "must be Unix seconds of the years 2020",
        ),
        (["image", "--out", "{tmp}/f", "--build-time", "1577836799"], 2, "of the years 2020 to 2099"),
        (["image", "--out", "{tmp}/f", "--build-time", "1e9"], 2, "is not a valid integer"),
        (["image", "--out", "{tmp}/f", "--add", "/x={tmp}/none"], 1, "cannot be read"),
        (["image", "--out", "{tmp}/bad.json/f"], 1, "cannot be written"),
        (["board", "run", "--image", "{tmp}/none"], 1, "muster image"),
        (["board", "run", "--image", "{tmp}/bad.json"], 1, "flash size"),
        (["board", "run", "--image", "{tmp}/flash.img", "--set", "X=1"], 2, "has no setting X"),
        (["board", "run", "--image", "{tmp}/flash.img", "--set", "X"], 2, "NAME=VALUE"),
        (["board", "run", "--image", "{tmp}/flash.img", "--set", "CUT_AT=1"], 2, "no setting CUT_AT"),
        (
            ["board", "run", "--image", "{tmp}/flash.img", "--set", "NETWORK=sideways"],
            2,
            "NETWORK must be up",
        ),
        (["board", "run", "--image", "{tmp}/flash.img", "--heap-kb", "16"], 2, "at least 48 KB"),
        (["board", "ls", "--image", "{tmp}/none"], 1, "muster image"),
        (["board", "ls", "--image", "{tmp}/bad.json"], 1, "flash size"),
        (["board", "ls", "--image", "{tmp}/flash.img", "/none"], 1, "there is no /none"),
        (["board", "cat", "--image", "{tmp}/flash.img", "/none"], 1, "there is no file"),
        (["board", "cat", "--image", "{tmp}/flash.img", "/etc"], 1, "there is no file"),
    ],
)
def test_wrong_use_is_one_sentence_and_a_code(flash, tmp_path, words, code, text):
    (tmp_path / "bad.json").write_text("{\n}}")
    (tmp_path / "list.json").write_text("[]")
    result = muster(*[word.replace("{tmp}", str(tmp_path)) for word in words])
    assert result.returncode == code, result.stderr
    assert text in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "f").exists()
