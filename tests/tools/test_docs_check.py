"""The check of the documents finds each kind of empty promise, and nothing in a good one."""

from pathlib import Path

import pytest

from muster.checks import docs

GOOD = """\
# Title
See [the tree](docs/tree.md#words), [the web](https://example.org/x) and [below](#title).
Run `make demo`, then:

```
$ make test ARGS="-k x"
.venv/bin/muster deploy --port P   # make sure of the port
```
Words that make sense, and muster boards, are no commands.
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/tree.md").write_text("# Tree\n")
    (tmp_path / "Makefile").write_text("demo: x ## show\ntest:\n\tpytest\n")
    return tmp_path


def check(root: Path, text: str) -> list[str]:
    document = root / "README.md"
    document.write_text(text)
    return docs.breaches(root, [document], ["deploy"])


def test_a_good_document_passes(root: Path) -> None:
    assert check(root, GOOD) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[x](docs/gone.md)\n", "README.md links to docs/gone.md, which is not there"),
        ("`make gone`\n", "README.md names `make gone`: no such target"),
        ("```\n$ make gone\n```\n", "README.md names `make gone`: no such target"),
        ("```sh\n.venv/bin/muster gone x\n```\n", "README.md names `muster gone`: no such command"),
    ],
)
def test_an_empty_promise_is_found(root: Path, text: str, sentence: str) -> None:
    assert check(root, text) == [sentence]


def test_documents_are_found_in_the_checkout() -> None:
    assert docs.REPO / "README.md" in docs.documents(docs.REPO)


@pytest.mark.parametrize("path", ["/nowhere", None], ids=["no git on PATH", "no checkout"])
def test_documents_are_found_without_git(
    root: Path, path: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if path:
        monkeypatch.setenv("PATH", path)
    for folder in ("build", ".venv"):
        (root / folder).mkdir()
        (root / folder / "other.md").write_text("# Not ours\n")
    assert docs.documents(root) == [root / "docs/tree.md"]
