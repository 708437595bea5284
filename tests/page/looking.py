"""A page as axe-core sees it, and as somebody does who has only a keyboard."""

import pytest

MOST_KEYS = 60  # until the focus is where a test wants it


def complaints(page) -> list[str]:
    """What axe-core has to say, with the parts of the page concerned."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="`make browser` installs axe-core"
    )
    found = axe.Axe().run(page).response
    assert len(found["passes"]) > 10, "it has looked"
    return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found["violations"]]


def tab_to(page, name: str) -> None:
    """Press Tab until the element with this text or label has the focus, and see that it shows it."""
    script = "[document.activeElement].map((e) => e.getAttribute('aria-label') || e.id || e.innerText)[0]"
    for _ in range(MOST_KEYS):
        page.keyboard.press("Tab")
        if name in page.evaluate(script):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"{name} does not show the focus"
            return
    pytest.fail(f"{name} is not reached with Tab")
