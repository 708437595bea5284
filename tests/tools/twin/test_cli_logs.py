"""`muster twin logs`: what it shows, follows and says."""

import subprocess
import sys

import pytest

from muster.errors import MusterError
from muster.twin.cloudwatch import CloudWatch
from muster.twin.log_store import LogStore
from muster.twin.server import running_twin
from muster.twin.settings import Home
from tools.fleet.cli_runner import Tool
from tools.twin.helpers import quick

AT_MS = 1795933871250


@pytest.fixture
def store(tool: Tool):
    """With three events of two boards."""
    tool.home.mkdir()
    store = LogStore(Home(tool.home).logs)
    put(store, "cam1", (AT_MS, "1 info app door\x1b[2J opened"), (AT_MS + 1000, "2 warn app two\nlines"))
    put(store, "cam2", (AT_MS + 500, "1 info app other"), group="/other")
    yield store
    store.close()


def put(store, stream: str, *events: tuple[int, str], group: str = "/muster/boards") -> None:
    service = CloudWatch(store)
    service.ensure(group, stream, AT_MS)
    service.put_events(group, stream, list(events), AT_MS)


def test_lines_are_shown(tool: Tool, store) -> None:
    assert tool.good("twin", "logs").output.splitlines() == [
        "time\tstream\tmessage",
        "2026-11-29T06:31:11.250Z\tcam1\t1 info app door\\x1b[2J opened",
        "2026-11-29T06:31:12.250Z\tcam1\t2 warn app two lines",
        "2026-11-29T06:31:11.750Z\tcam2\t1 info app other",
    ]
    assert len(tool.good("twin", "logs", "cam1").output.splitlines()) == 3
    assert len(tool.good("twin", "logs", "--group", "/other").output.splitlines()) == 2
    assert tool.good("twin", "logs", "-n", "1").output.splitlines()[1].split("\t")[1] == "cam2"
    [first, *_] = tool.good("twin", "logs", "-o", "json").response
    assert first == {
        "group": "/muster/boards",
        "stream": "cam1",
        "time": "2026-11-29T06:31:11.250Z",
        "message": "1 info app door\x1b[2J opened",
    }


def test_nothing_and_no_twin(tool: Tool) -> None:
    result = tool("twin", "logs")
    assert result.code == 1 and "no twin has run in" in result.error
    tool.home.mkdir()
    LogStore(Home(tool.home).logs).close()
    result = tool.good("twin", "logs")
    assert "nothing was exported yet" in result.error
    assert tool("twin", "logs", "-f", "-o", "json").code == 2


def test_follow_goes_on(tool: Tool, store) -> None:
    words = ["twin", "logs", "cam1", "-n", "1", "-f", "--home", str(tool.home)]
    command = [sys.executable, "-m", "muster", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "time\tstream\tmessage\n"
        assert process.stdout.readline().endswith("two lines\n")
        put(store, "cam2", (AT_MS, "not this"))
        put(store, "cam1", (AT_MS + 2000, "3 info app later"))
        assert process.stdout.readline() == "2026-11-29T06:31:13.250Z\tcam1\t3 info app later\n"
        process.terminate()


def test_a_file_that_is_none(tool: Tool) -> None:
    tool.home.mkdir()
    Home(tool.home).logs.write_bytes(b"not a database at all" * 100)
    result = tool("twin", "logs")
    assert result.code == 1 and "cannot be read" in result.error
    with pytest.raises(MusterError, match="holds only log lines"), running_twin(tool.home, quick()):
        pass
