"""The page as it is built: one file, small, the same each time, nothing of it from elsewhere."""

import gzip
import re
import shutil

from muster import page


def test_it_is_small_and_the_same_each_time() -> None:
    assert page.built() == page.built()
    assert len(page.built()) <= page.LIMIT
    assert page.built()[4:8] == bytes(4), "the time of the build is in it"
    assert gzip.decompress(page.built()).decode() == page.html()


def test_nothing_comes_from_elsewhere() -> None:
    text = page.html()
    assert set(re.findall(r"[a-z]+://[^\s\"']*", text)) <= {"http://www.w3.org/2000/svg"}  # only a name
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text)) == {"data:,", "/api/claim"} | {
        f"#i-{name}" for name in re.findall(r'href="#i-([a-z]+)"', text)
    }
    assert "innerHTML" not in text and "eval(" not in text


def test_only_its_own_script_and_style_may_run(tmp_path) -> None:
    """Another script gets another hash; the policy names no `unsafe-inline`."""
    folder = shutil.copytree(page.SOURCES, tmp_path / "page")
    with (folder / "script.js").open("a") as script:
        script.write("void 0;\n")
    hashes = [re.findall(r"'(sha256-[^']+)'", page.html(place)) for place in (page.SOURCES, folder)]
    assert len(hashes[0]) == 2 and hashes[0][0] != hashes[1][0] and hashes[0][1] == hashes[1][1]
    assert "unsafe" not in page.html()


def test_no_comment_and_no_indentation_is_sent() -> None:
    lines = page.html().splitlines()
    assert [line for line in lines if line != line.strip() or line.startswith("//") or " // " in line] == []
    assert "/*" not in page.html() and "<!--" not in page.html()
