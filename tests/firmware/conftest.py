"""The report at the end of a run on firmware; pytest shows it, and build/firmware.md keeps it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from muster.layout import BUILD
from tests.firmware import report

REPORT = BUILD / "firmware.md"


@pytest.fixture(scope="session", autouse=True)
def _kept_report() -> Iterator[None]:
    """Write the report once the last board is off."""
    report.rows.clear()
    report.notes.clear()
    yield
    if report.rows:
        firmware = Path(os.environ.get("MUSTER_UF2", "")).name
        text = "\n".join((f"{firmware}, emulated", "", *report.lines()))
        REPORT.write_text(text + "\n", encoding="utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the report below the tests."""
    if report.rows:
        terminalreporter.section("the image on firmware")
        for line in report.lines():
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"kept in {REPORT.relative_to(BUILD.parent)}")
