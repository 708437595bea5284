"""The password of the web page on the host: made, read, hashed, and what `muster image` does with it."""

import hashlib
import json

import pytest
from tests.cli_in_process import muster

from device.core import fields, passwords, paths
from muster import image, web_password
from muster.errors import MusterError

PASSWORD = "correct horse battery"
CAM = ("--serial", "cam-1", "--endpoint", "localhost")


def is_hash_of(text: str, password: str) -> bool:
    iterations, salt, digest = passwords.parsed(text)
    return digest == hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)


def test_the_board_computes_the_same_hash() -> None:
    text = web_password.hashed(PASSWORD, "cam-1")
    iterations, salt, digest = passwords.parsed(text)
    assert [*passwords.steps(PASSWORD.encode(), iterations, salt)][-1] == digest
    assert is_hash_of(text, PASSWORD)


def test_the_salt_is_the_boards_and_always_the_same() -> None:
    texts = [web_password.hashed(PASSWORD, name) for name in ("cam-1", "cam-1", "cam-2")]
    assert texts[0] == texts[1] != texts[2]


def test_random_passwords_have_sixty_bits_that_can_be_read_aloud() -> None:
    found = {web_password.random_password() for _ in range(200)}
    assert len(found) == 200 and {len(password) for password in found} == {14}
    assert set("".join(found)) == set("0123456789abcdefghjkmnpqrstvwxyz-")


@pytest.mark.parametrize("content", [b"", b"\n", b"short\n", b"x" * 65, b"\xff" * 10, b"one line\nanother\n"])
def test_a_file_that_holds_no_password_is_refused(tmp_path, content) -> None:
    (tmp_path / "password").write_bytes(content)
    with pytest.raises(MusterError, match="web password"):
        web_password.read(tmp_path / "password")


def _web(out) -> dict:
    return json.loads(image.read_image(out.read_bytes()).get(paths.WEB, "{}"))


def _built(tmp_path, *words: object) -> tuple[str, dict]:
    out = tmp_path / "f.img"
    result = muster("image", "--out", out, *CAM, *words)
    assert result.returncode == 0, result.stderr
    return result.stdout, _web(out)


def test_an_image_stores_the_hash_of_a_password_from_a_file(tmp_path) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    said, web = _built(tmp_path, "--web-password-file", tmp_path / "password")
    assert is_hash_of(web[fields.PASSWORD], PASSWORD) and PASSWORD not in said
    assert PASSWORD.encode() not in (tmp_path / "f.img").read_bytes()


def test_an_image_without_one_gets_a_new_one_that_is_printed_once(tmp_path) -> None:
    said, web = _built(tmp_path)
    password = said.split("printed only here: ")[1].strip()
    assert is_hash_of(web[fields.PASSWORD], password)
    assert password.encode() not in (tmp_path / "f.img").read_bytes()
    said, web = _built(tmp_path, "--output", "json")
    assert is_hash_of(web[fields.PASSWORD], json.loads(said)["response"]["webPassword"])


def test_a_dry_run_tells_no_password(tmp_path) -> None:
    result = muster("image", "--out", tmp_path / "f.img", *CAM, "--dry-run")
    assert result.returncode == 0 and "password" not in result.stdout


def test_what_web_json_says_stays(tmp_path) -> None:
    (tmp_path / "web.json").write_text(json.dumps({fields.LISTEN: ["8080"], fields.NAMES: ["cam.example"]}))
    added = ("--add", f"{paths.WEB}={tmp_path / 'web.json'}")
    said, web = _built(tmp_path, *added)
    assert web[fields.LISTEN] == ["8080"] and web[fields.NAMES] == ["cam.example"] and "printed only" in said
    (tmp_path / "web.json").write_text(json.dumps({fields.PASSWORD: web[fields.PASSWORD]}))
    said, same = _built(tmp_path, *added)
    assert same == {fields.PASSWORD: web[fields.PASSWORD]} and "password" not in said


def test_what_the_board_would_refuse_is_not_built(tmp_path) -> None:
    (tmp_path / "web.json").write_text('{"listen": ["https://:443"]}')
    added = ("--add", f"{paths.WEB}={tmp_path / 'web.json'}")
    result = muster("image", "--out", tmp_path / "f.img", *CAM, *added)
    assert result.returncode != 0 and "the board would refuse this" in result.stderr
    (tmp_path / "web.json").write_text(json.dumps({fields.PASSWORD: web_password.hashed(PASSWORD, "x")}))
    (tmp_path / "password").write_text(PASSWORD)
    words = (*added, "--web-password-file", tmp_path / "password")
    result = muster("image", "--out", tmp_path / "f.img", *CAM, *words)
    assert result.returncode == 2 and "has a password" in result.stderr


def test_a_board_without_the_page_gets_no_password(tmp_path) -> None:
    said, web = _built(tmp_path, "--without", "web")
    assert web == {} and "password" not in said
