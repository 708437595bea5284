"""`muster label`: files, what is said, wrong use."""

import json
import stat

import pypdfium2
import pytest
import zxingcpp

from muster.cli import main as cli
from muster.errors import FAILED, GOOD, NO_DEVICE, WRONG_USE
from muster.fleet import claim_ids, devices, groups, images, secrets
from muster.registry import Registry
from muster.registry.fleet import RETIRED

COUNT = 30


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """(home, its devices, the secret of their group)"""
    home = tmp_path_factory.mktemp("home")
    registry = Registry(home)
    secret = groups.add(registry, secrets.Vault(home), "lab", 0)
    groups.add(registry, secrets.Vault(home), "other", 0)
    for number in range(1, COUNT + 1):
        devices.add(registry, "lab", f"cam-{number}", 0)
    devices.add(registry, "other", "sheet", 0)
    devices.add(registry, "other", "old", 0)
    registry.devices.set_state("old", RETIRED)
    found = {device.name: device for device in registry.devices.all()}
    registry.close()
    return home, found, secret


def run(capsys, home, *words):
    """(exit code, standard output, standard error) of `muster label WORDS`."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(["label", *map(str, words), "--home", str(home)])
    return (stopped.value.code, *capsys.readouterr())


def codes(path, dpi=300):
    """The texts of all codes in a PDF, page by page."""
    pages = pypdfium2.PdfDocument(path.read_bytes())
    pictures = [page.render(scale=dpi / 72).to_pil() for page in pages]
    return [
        sorted(code.text for code in zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode))
        for picture in pictures
    ]


def text(path):
    return pypdfium2.PdfDocument(path.read_bytes())[0].get_textpage().get_text_bounded()


def test_the_sheet_of_a_group_compares_with_the_registry(fleet, tmp_path, capsys):
    home, found, _ = fleet
    out = tmp_path / "new folder" / "sheet.pdf"
    code, output, _ = run(capsys, home, "--group", "lab", "--out", out, "--start-at", 3)
    assert code == GOOD and "30 labels on 2 sheets of Avery L7160" in output and "--start-at 12" in output
    wanted = [found[f"cam-{number}"].claim_id for number in range(1, COUNT + 1)]
    assert codes(out) == [sorted(wanted[:19]), sorted(wanted[19:])]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_the_home_is_where_labels_go(fleet, capsys):
    home, _, _ = fleet
    assert run(capsys, home, "--all")[0] == GOOD
    before = (home / "labels" / "sheet.pdf").read_bytes()
    assert run(capsys, home, "sheet", "--each")[0] == GOOD
    assert (home / "labels" / "each" / "sheet.pdf").exists()
    code, _, error = run(capsys, home, "--all")
    assert (home / "labels" / "sheet.pdf").read_bytes() == before
    assert code == GOOD and "1 retired devices are passed over" in error


def test_svg_sheets_are_numbered(fleet, tmp_path, capsys):
    home, _, _ = fleet
    words = ["--group", "lab", "--out", tmp_path / "a.svg", "-o", "json"]
    told = json.loads(run(capsys, home, *words)[1])["response"]
    assert told["files"] == [str(tmp_path / "a-1.svg"), str(tmp_path / "a-2.svg")]
    assert (told["labels"], told["sheets"], told["paper"], told["nextPlace"]) == (30, 2, "L7160", 10)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a-1.svg", tmp_path / "a-2.svg"]
    assert run(capsys, home, "cam-1", "--out", tmp_path / "b.svg")[0] == GOOD
    assert (tmp_path / "b.svg").read_bytes().startswith(b"<?xml")


def test_one_file_for_each_label(fleet, tmp_path, capsys):
    home, found, _ = fleet
    words = ["cam-2", "cam-1", "cam-2", "--each", "--width", 50, "--height", 25, "--out-dir", tmp_path]
    code, output, _ = run(capsys, home, *words, "--copies", 2)
    assert code == GOOD and output.startswith("2 labels of 50 x 25 mm made in")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cam-1.pdf", "cam-2.pdf"]
    assert codes(tmp_path / "cam-2.pdf") == [[found["cam-2"].claim_id]] * 2
    assert run(capsys, home, *words, "--format", "svg")[0] == GOOD
    assert (tmp_path / "cam-1.svg").exists()


def test_options_reach_the_label(fleet, tmp_path, capsys):
    home, found, secret = fleet
    out, device = tmp_path / "a.pdf", found["cam-7"]
    words = ["cam-7", "--out", out, "--title", "Example Cameras", "--paper", "5163", "--product", "P1"]
    code, *_ = run(capsys, home, *words, "--qr", "HTTPS://X.ORG/{product}/{claim_id}", "--web-password")
    assert code == GOOD
    assert codes(out) == [[f"HTTPS://X.ORG/P1/{device.claim_id}"]]
    password = images.web_password(secrets.enrolment_key(secret, "cam-7"))
    for wanted in ("Example Cameras", "cam-7", claim_ids.shown(device.claim_id), password):
        assert wanted in text(out)
    assert run(capsys, home, "cam-7", "--out", out)[0] == GOOD
    assert password not in text(out)


def test_a_name_that_is_cut_is_said(fleet, tmp_path, capsys):
    home, _, _ = fleet
    registry = Registry(home)
    devices.add(registry, "other", "w" * 128, 0)
    registry.close()
    words = ["w" * 128, "--paper", "L4731", "--out", tmp_path / "a.pdf"]
    code, _, error = run(capsys, home, *words)
    assert code == GOOD and "1 names are too long for the label and were shortened" in error
    registry = Registry(home)
    registry.devices.delete("w" * 128)
    registry.close()


def test_dry_run_writes_nothing(fleet, tmp_path, capsys):
    home, _, _ = fleet
    for words in (["--out", tmp_path / "a.pdf"], ["--each", "--out-dir", tmp_path]):
        code, output, _ = run(capsys, home, "cam-1", *words, "--dry-run")
        assert code == GOOD and "would be made" in output
    assert not list(tmp_path.iterdir())


def test_papers_are_listed_without_a_registry(tmp_path, capsys):
    code, output, _ = run(capsys, tmp_path / "none", "--list-papers")
    assert code == GOOD and "L7160\tAvery\tA4\t21\t63.5\t38.1\tJ8160" in output
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], WRONG_USE, "Missing argument 'DEVICE'"),
        (["cam-1", "--all"], WRONG_USE, "in one way"),
        (["cam-99"], NO_DEVICE, "there is no device 'cam-99'"),
        (["old"], FAILED, "is retired"),
        (["--group", "none"], FAILED, "there is no group 'none'"),
        (["--batch", "none"], FAILED, "the batch 'none' has no devices"),
        (["--all", "--paper", "L7161"], WRONG_USE, "did you mean"),
        (["--all", "--start-at", 22], WRONG_USE, "places 1 to 21"),
        (["--all", "--start-at", 0], WRONG_USE, "--start-at"),
        (["--all", "--out", "x.png"], WRONG_USE, "must end in .pdf or .svg"),
        (["--all", "--each", "--paper", "5160"], WRONG_USE, "--paper belongs to sheets"),
        (["--all", "--width", 50], WRONG_USE, "--width belongs to single labels"),
        (["--all", "--format", "svg"], WRONG_USE, "--format belongs to single labels"),
        (["--all", "--each", "--width", 10, "--height", 10], WRONG_USE, "too small"),
        (["--all", "--qr", "{serial}"], WRONG_USE, "--qr has no {serial}"),
        (["--all", "--qr", "{name.x}"], WRONG_USE, "--qr has no {name.x}"),
        (["--all", "--qr", "x{"], WRONG_USE, "write a brace twice"),
        (["--all", "--qr", "same"], WRONG_USE, "the same on every label"),
        (["--all", "--qr", "{name}{product}"], WRONG_USE, "give --product"),
        (["--all", "--title", "Ж"], FAILED, "the font has no 'Ж', which is in --title"),
        (["--all", "--title", "x" * 500], WRONG_USE, "the title is too long"),
        (["--all", "--font", __file__], FAILED, "is no TrueType font"),
    ],
)
def test_wrong_use_is_one_sentence(fleet, capsys, words, code, said):
    home, _, _ = fleet
    found, output, error = run(capsys, home, *words)
    assert (found, output) == (code, "")
    assert said in error and "Traceback" not in error
