"""What the page is told of the log, of restarts and of the memory, before and after a restart."""

from tests.system import mishaps
from tests.system.browser import Browser, port_of
from tests.system.pages import flash


def _lines(browser, after):
    found = browser.get(f"/api/log?after={after}")
    for number, level, source, text, ms in found["lines"]:
        assert number > after and level in ("info", "warn", "error") and source and text and ms >= 0
    return found


def test_the_page_reads_the_log_and_its_numbers_go_on_over_a_restart(tmp_path):
    with mishaps.powered(flash(tmp_path / "flash.img"), restart=True) as machine:
        browser = Browser(port_of(machine)).log_in()
        first = _lines(browser, 0)
        assert [line[0] for line in first["lines"]] == list(range(1, first["next"] + 1))
        assert any(line[2:4] == ["network", "joined"] for line in first["lines"])
        found = browser.get("/api/status")
        assert [entry["cause"] for entry in found["restarts"]] == ["power-on"]
        assert found["restarts"][0]["unix"] > 1700000000
        assert 0 < found["memory"]["largest"] <= found["memory"]["free"]
        again = len(machine.lines)
        browser.post("/api/restart")
        browser = Browser(port_of(machine, again)).log_in()
        second = _lines(browser, first["next"])
        assert second["lines"][0][0] == first["next"] + 1, "over the reset too"
        assert any(line[1:3] == ["warn", "start"] for line in second["lines"])
        restarts = browser.get("/api/status")["restarts"]
        assert [entry["cause"] for entry in restarts] == ["program"] and restarts[0]["text"]
        assert browser.get("/api/log?after=999999999")["lines"][0][0] == 1, "of a board that counts anew"
