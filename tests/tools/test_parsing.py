"""Sources parsed by several threads at once: images are built so (Python 3.11 cannot parse side by side)."""

import ast
import threading
from concurrent.futures import ThreadPoolExecutor

from muster import layout
from muster.boards import profile
from muster.parsing import parsed

PRODUCT = layout.LIB.parent / "tools" / "muster"


def test_only_one_thread_parses_at_a_time(monkeypatch) -> None:
    inside, together = threading.Semaphore(1), threading.Barrier(4)
    overlaps = []
    parse = ast.parse

    def watched(source: str) -> ast.Module:
        if not inside.acquire(blocking=False):
            overlaps.append(source)
            return parse("")
        try:
            return parse(source)
        finally:
            inside.release()

    def job(number: int) -> str:
        together.wait()
        return ast.unparse(parsed("\n".join(f"x{number} = {line}" for line in range(2000))))[:2]

    monkeypatch.setattr(ast, "parse", watched)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(job, range(4))) == ["x0", "x1", "x2", "x3"]
    assert not overlaps


def test_nothing_else_in_the_product_parses() -> None:
    found = [
        str(path.relative_to(PRODUCT))
        for path in PRODUCT.rglob("*.py")
        if "ast.parse(" in path.read_text(encoding="utf-8")
    ]
    assert found == ["parsing.py"]


def test_a_profile_is_parsed_once(monkeypatch) -> None:
    before = profile("pico_w")
    monkeypatch.setattr("muster.boards.parsed", None)  # whoever calls it now fails
    assert profile("pico_w") == before
