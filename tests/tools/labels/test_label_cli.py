"""`muster label`: files, what is said, wrong use."""

import json
import os
import signal
import stat

import click
import pypdfium2
import pytest
import zxingcpp

from muster.cli import label as label_command
from muster.cli import main as cli
from muster.enrolment import secrets
from muster.errors import FAILED, GOOD, NO_DEVICE, TERMINATED, WRONG_USE
from muster.fleet import claim_ids, devices, groups, images
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


def test_a_sheet_is_named_after_what_is_on_it(fleet, capsys):
    home, _, _ = fleet
    selections = {
        "all.pdf": ["--all"],
        "groups/lab.pdf": ["--group", "lab"],
        "groups/other.pdf": ["--group", "other"],
        "devices/sheet.pdf": ["sheet"],
        "devices/cam-1,cam-2.pdf": ["cam-1", "cam-2", "cam-1"],
        "devices/cam-1,cam-3.pdf": ["cam-1", "cam-3"],
    }
    for name, words in selections.items():
        code, output, _ = run(capsys, home, *words)
        assert code == GOOD and f"{home / 'labels' / name}: written" in output
    found = [path for path in (home / "labels").rglob("*") if path.is_file()]
    assert sorted(found) == sorted(home / "labels" / name for name in selections)


def test_a_long_list_of_devices_has_a_file_of_its_own(fleet, capsys):
    home, found, _ = fleet
    many = [name for name in found if name.startswith("cam-")]
    for names in (many, many[:-1]):
        assert run(capsys, home, *names)[0] == GOOD
    made = list((home / "labels" / "devices").glob("cam-1,????????????????.pdf"))
    assert len(made) == 2 and all(len(path.name) < 100 for path in made)


def test_single_labels_leave_the_sheets_alone(fleet, capsys):
    home, _, _ = fleet
    assert run(capsys, home, "--all")[0] == GOOD
    before = (home / "labels" / "all.pdf").read_bytes()
    assert run(capsys, home, "sheet", "--each")[0] == GOOD
    assert (home / "labels" / "each" / "sheet.pdf").exists()
    code, _, error = run(capsys, home, "--all")
    assert (home / "labels" / "all.pdf").read_bytes() == before
    assert code == GOOD and "1 retired device is left out" in error


def test_one_label_is_singular(fleet, tmp_path, capsys):
    home, _, _ = fleet
    assert (
        "\n1 label on 1 sheet of Avery L7160;" in run(capsys, home, "cam-1", "--out", tmp_path / "a.pdf")[1]
    )
    output = run(capsys, home, "cam-1", "--each", "--out-dir", tmp_path)[1]
    assert output == f"1 label of 62 x 29 mm written to 1 file in {tmp_path}\n"


@pytest.mark.parametrize("form", ["table", "json"])
def test_sigterm_ends_it_in_order(fleet, tmp_path, capsys, monkeypatch, form):
    home, _, _ = fleet
    draw = label_command.design

    def drawn(content, *more, **words):
        if content.name == "cam-3":
            os.kill(os.getpid(), signal.SIGTERM)
        return draw(content, *more, **words)

    monkeypatch.setattr(label_command, "design", drawn)
    code, output, error = run(capsys, home, "-g", "lab", "--out", tmp_path / "a.pdf", "-o", form)
    assert code == TERMINATED and "terminated" in error and not list(tmp_path.iterdir())
    assert (json.loads(output)["status"] == "failed") if form == "json" else output == ""


def test_papers_are_completed():
    (option,) = [one for one in label_command.label.params if one.name == "paper_name"]
    context = click.Context(label_command.label)
    found = {item.value: item.help for item in option.shell_complete(context, "l716")}
    assert found == {
        "L7160": "Avery, 63.5 x 38.1 mm",
        "L7162": "Avery, 99.1 x 33.9 mm",
        "L7163": "Avery, 99.1 x 38.1 mm",
    }
    assert [item.value for item in option.shell_complete(context, "J8160")] == ["J8160"]


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
    assert code == GOOD and output == f"4 labels of 50 x 25 mm written to 2 files in {tmp_path}\n"
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
    assert code == GOOD and "1 name is too long for the label and was shortened" in error
    registry = Registry(home)
    registry.devices.delete("w" * 128)
    registry.close()


def test_dry_run_writes_nothing(fleet, tmp_path, capsys):
    home, _, _ = fleet
    for words in (["--out", tmp_path / "a.pdf"], ["--each", "--out-dir", tmp_path]):
        code, output, _ = run(capsys, home, "cam-1", *words, "--dry-run")
        assert code == GOOD and "would be written" in output
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
        (["--all", "--each", "--width", "nan"], WRONG_USE, "'nan' is not a finite number"),
        (["--all", "--each", "--height", "nan"], WRONG_USE, "'nan' is not a finite number"),
        (["--all", "--each", "--height", "inf"], WRONG_USE, "5<=x<=500"),
        (["--all", "--each", "--height", "-1"], WRONG_USE, "5<=x<=500"),
        (["--all", "--format", "svg"], WRONG_USE, "--format belongs to single labels"),
        (["--all", "--each", "--width", 10, "--height", 10], WRONG_USE, "too small"),
        (["--all", "--qr", "{serial}"], WRONG_USE, "--qr has no {serial}"),
        (["--all", "--qr", "{name.x}"], WRONG_USE, "--qr has no {name.x}"),
        (["--all", "--qr", "x{"], WRONG_USE, "write a brace twice"),
        (["--all", "--qr", "same"], WRONG_USE, "the same on every label"),
        (["--all", "--qr", "{name}{product}"], WRONG_USE, "give --product"),
        (["--all", "--title", "Ж"], FAILED, "the font has no 'Ж', which is in --title"),
        (["--all", "--title", "x" * 500], WRONG_USE, "the title is too long"),
        (["--all", "--font", __file__], FAILED, "is not a TrueType font"),
    ],
)
def test_wrong_use_is_one_sentence(fleet, capsys, words, code, said):
    home, _, _ = fleet
    found, output, error = run(capsys, home, *words)
    assert (found, output) == (code, "")
    assert said in error and "Traceback" not in error
