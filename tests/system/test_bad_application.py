"""Applications that misbehave: each ends alone, is started again, and the other services go on."""

import re

import pytest

from device.core import fields, paths
from muster.virtual import EXIT_WATCHDOG
from tests.system import applications, mishaps, rig
from tests.system.applications import body

# The network is not what these are about.
QUICK = {"retry_ms": 200}
AGAIN = "Trying again in"
CLASS = "class Mine(Exception):\n    def __str__(self):\n        return 1 / 0\n\n\n"
WAITS = "await asyncio.sleep(3600)"
SWALLOWS = """
    async def deaf():
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                muster.log("no")

    asyncio.create_task(deaf())
    await asyncio.sleep_ms(0)
    raise OSError(5)
"""

# The error is on its way to asyncio's handler while another task is started.
UNSEEN = """
    async def bad():
        raise KeyError("unseen")

    async def idle():
        await asyncio.sleep(3600)

    asyncio.create_task(bad())
    await asyncio.sleep_ms(0)
    asyncio.create_task(idle())
    await asyncio.sleep(3600)
"""

# name -> (main.py, the parts of the line about it, what its traceback has)
WAYS = {
    "raises": (
        body("raise ValueError('x')"),
        ("failed: ValueError('x'", AGAIN),
        'File "app/main.py", line 6',
    ),
    "own-error": (CLASS + body("raise Mine()"), ("failed: Mine", AGAIN), "Mine"),
    "at-import": (
        "1 / 0\n" + body("pass"),
        ("failed: ZeroDivisionError", AGAIN),
        'File "app/main.py", line 1',
    ),
    "import": (body("import nothing_of_the_kind"), ("failed: ImportError", AGAIN), "nothing_of_the_kind"),
    "exits": (body("sys.exit()"), ("failed: SystemExit", AGAIN), "SystemExit"),
    "generator-exit": (body("raise GeneratorExit"), ("failed: GeneratorExit", AGAIN), "GeneratorExit"),
    "cancels": (body("raise asyncio.CancelledError"), ("main() has cancelled itself", AGAIN), ""),
    "swallows": (body(SWALLOWS), ("failed: OSError", AGAIN), "OSError"),
    "task-raises": (
        body("async def bad():\n    raise KeyError('task')\nasyncio.create_task(bad())\n" + WAITS),
        ("failed: KeyError('task'", AGAIN),
        "in bad",
    ),
    "task-raises-unseen": (body(UNSEEN), ("failed: KeyError('unseen'", AGAIN), "in bad"),
    "task-exits": (
        body("async def bad():\n    sys.exit()\nasyncio.create_task(bad())\n" + WAITS),
        ("failed: SystemExit", AGAIN),
        "in bad",
    ),
    "payload": (
        body("await muster.publish('a', bytes(8193))"),
        ("8193 bytes; the limit is 8192", AGAIN),
        "publish",
    ),
    "topic": (body("await muster.publish('a/+', b'')"), ("the topic 'a/+' contains '+'", AGAIN), "publish"),
    "levels": (body("await muster.publish('a' + 8 * '/b', '')"), ("too many levels",), "publish"),
    "kind": (body("await muster.publish('a', set())"), ("failed: TypeError", AGAIN), "publish"),
    "callback": (
        body("await muster.subscribe('a', 'b')"),
        ("on_message must be a function", AGAIN),
        "subscribe",
    ),
}


def _image(folder, twin, name, app, **options):
    section = {fields.APP: {"pause_s": "long"}}
    path = folder / f"{name}.img"
    return mishaps.flash(
        path, twin, name, extra={**rig.WITHOUT_CLOUD, **app}, intervals=QUICK, **options, **section
    )


@pytest.mark.parametrize("part", range(3))
def test_each_way_ends_only_the_application(twin, tmp_path, part):
    ways = dict(list(WAYS.items())[part::3])
    images = {
        name: _image(tmp_path, twin, name, applications.compiled(tmp_path / name, main))
        for name, (main, _, _) in ways.items()
    }
    with mishaps.crowd(images, traceback=True) as machines:
        for name, machine in machines.items():
            _, parts, traceback = ways[name]
            line = mishaps.complaint(machine, "app", *parts)
            # It is started again, and fails again.
            mishaps.complaint(machine, "app", *parts, start=machine.lines.index(line) + 1)
            assert traceback in machine.console
            mishaps.still_runs(machine)
    assert "cut off" in machines["swallows"].console if part == list(WAYS).index("swallows") % 3 else True


WRONG = {
    "no-main": ({f"{paths.APP}/readme.txt": b""}, "/app/main.py is missing", "Trying again in [0-9]{4} s"),
    "not-async": (
        {f"{paths.APP}/main.py": b"def main(muster):\n    pass\n"},
        "has no `async def main(muster)`",
        "Trying again in [0-9]{4} s",
    ),
    "no-name": ({f"{paths.APP}/main.py": b"x = 1\n"}, "has no `async def main(muster)`", "[0-9]{4} s"),
    "syntax": ({f"{paths.APP}/main.py": b"async def main(:\n"}, "failed: SyntaxError", AGAIN),
    "no-argument": ({f"{paths.APP}/main.py": b"async def main():\n    pass\n"}, "failed: TypeError", AGAIN),
}


def test_what_no_tool_has_checked(twin, tmp_path):
    """Files that a person has copied to the board."""
    images = {name: _image(tmp_path, twin, name, files) for name, (files, _, _) in WRONG.items()}
    with mishaps.crowd(images, traceback=True) as machines:
        for name, machine in machines.items():
            _, text, delay = WRONG[name]
            assert re.search(delay, mishaps.complaint(machine, "app", text))
            mishaps.still_runs(machine)


def test_returns_and_leaves_a_task(twin, serial, tmp_path):
    main = """
        async def more():
            while True:
                muster.log("more")
                await asyncio.sleep_ms(10)

        asyncio.create_task(more())
        await asyncio.sleep_ms(50)
    """
    path = _image(tmp_path, twin, serial, applications.compiled(tmp_path / "app", body(main)))
    with mishaps.powered(path) as machine:
        machine.wait_for("main() has returned; tasks ended with it: 1")
        length = len(machine.lines)
        mishaps.still_runs(machine)
        machine.wait_for("all services OK", start=length)
        assert "  more" not in "\n".join(machine.lines[length:])


def test_is_shed_while_it_ends(twin, serial, tmp_path):
    """Told to end once more while a task that swallows its cancellation is given its time."""
    stopper = mishaps.service(
        "stopper",
        """
        await state.ports.clock.sleep_ms(300)
        while True:
            await state.supervisor.stop("app")
            self.say("it is " + state.services["app"].condition)
            state.supervisor.restore("app")
            await state.ports.clock.sleep_ms(700)
        """,
    )
    main = SWALLOWS.replace("raise OSError", "await asyncio.sleep_ms(100)\n    raise OSError")
    app = applications.compiled(tmp_path / "app", body(main))
    path = _image(tmp_path, twin, serial, {**app, **stopper}, services=["stopper"])
    with mishaps.powered(path, traceback=True) as machine:
        for _ in range(3):
            machine.wait_for("it is stopped", start=len(machine.lines))
            machine.wait_for("app        started", start=len(machine.lines))
        machine.wait_for("cut off: 1")


def test_own_main_is_not_taken_for_the_board_s(twin, serial, tmp_path):
    """`import main` within the application is its own module, and its other modules are found."""
    main = "import helper\n\n\nCOUNT = 3\n\n\nasync def main(muster):\n    muster.log(helper.text())\n"
    text = "def text():\n    import main\n\n    return 'count %d' % (main.COUNT + two.X)\n"
    others = {"helper.py": "from parts import two\n\n\n" + text, "parts/two.py": "X = 2\n"}
    path = _image(tmp_path, twin, serial, applications.compiled(tmp_path / "app", main, others))
    with mishaps.powered(path) as machine:
        machine.wait_for("app        count 5")
        mishaps.still_runs(machine)
        assert machine.console.count("network    joining") == 1


HOARDS = """
    keep = sys.modules["main"].__dict__.setdefault("keep", [])
    while True:
        keep.append(bytearray(512))
"""


@pytest.mark.parametrize("bits", [64, 32])
def test_takes_all_memory(twin, serial, tmp_path, bits):
    """It is freed and started again, again and again, and the board connects and stays connected."""
    mishaps.need_interpreter(bits)
    app = applications.compiled(tmp_path / "app", body(HOARDS))
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=app, intervals=QUICK)
    with mishaps.powered(path, traceback=True, bits=bits, heap_kb=256 if bits == 32 else 512) as machine:
        machine.wait_for(rig.DONE)
        start = 0
        for _ in range(3):
            line = mishaps.complaint(machine, "app", "not enough memory", AGAIN, start=start)
            start = machine.lines.index(line, start) + 1
        machine.wait_for(re.compile("s, connected, "), start=start)
        assert machine.running


HOLDS = """
    import os

    if "seen" in os.listdir("/"):
        await asyncio.sleep(3600)
    os.mkdir("/seen")
    keep = []
    while not muster.is_online():
        await asyncio.sleep_ms(10)
    for size in (4096, 256, 16):
        try:
            while True:
                keep.append(bytearray(size))
        except MemoryError:
            pass
    await asyncio.sleep_ms(3000)
    keep.clear()
    raise KeyError("let go")
"""


def test_holds_all_memory_and_lets_go(twin, serial, tmp_path):
    """Whoever fails while it holds it is started again afterwards; it is not the board that starts again."""
    app = applications.compiled(tmp_path / "app", body(HOLDS))
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=app, intervals=QUICK)
    with mishaps.powered(path, traceback=True, heap_kb=512) as machine:
        mishaps.complaint(machine, "app", "failed: KeyError('let go'", AGAIN)
        machine.wait_for(rig.DONE)
        machine.wait_for(re.compile("s, connected, .*all services OK"), start=len(machine.lines))


def test_blocks_the_loop(twin, serial, tmp_path):
    """The watchdog ends it. After five such starts the board is in safe mode, without the application."""
    app = applications.compiled(
        tmp_path / "app", "import time\n\n\n" + body("await muster.online()\ntime.sleep(60)")
    )
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=app, facts={"WATCHDOG_MS": 1500})
    with mishaps.powered(path) as machine:
        assert machine.wait() == EXIT_WATCHDOG
    with mishaps.powered(path, restart=True, environment={"RESET_CAUSE": "3"}) as machine:
        machine.wait_for("safe mode after repeated crashes")
        mishaps.still_runs(machine)
        assert machine.starts <= 6


def test_callback_raises(twin, serial, tmp_path):
    """What is called with a message fails the application, not the connection."""
    main = """
        def on_message(topic, payload):
            raise KeyError(payload)

        await muster.subscribe(muster.topic("echo"), on_message)
        await muster.publish(muster.topic("echo"), "boo")
        await asyncio.sleep(3600)
    """
    app = applications.compiled(tmp_path / "app", body(main))
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=app, intervals=QUICK)
    with mishaps.powered(path, traceback=True) as machine:
        mishaps.complaint(machine, "app", "failed: KeyError", "boo", AGAIN)
        mishaps.complaint(machine, "app", "failed: KeyError", "boo", AGAIN, start=len(machine.lines))
        assert machine.console.count("connected to localhost") == 1


def test_floods(twin, serial, tmp_path):
    """Messages that wait are limited; one after the other they may be as many as the cloud takes."""
    main = """
        failures = []

        async def send(number):
            try:
                await muster.publish(muster.topic("flood"), str(number))
            except muster.Failure as failure:
                failures.append(str(failure))

        tasks = [asyncio.create_task(send(number)) for number in range(40)]
        await asyncio.gather(*tasks)
        muster.log("%d refused: %s" % (len(failures), failures[0]))
        for number in range(100):
            await muster.publish(muster.topic("flood"), str(number))
        muster.log("all sent")
    """
    app = applications.compiled(tmp_path / "app", body(main))
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=app)
    with mishaps.powered(path) as machine:
        machine.wait_for("app        32 refused: 8 messages wait already")
        machine.wait_for("app        all sent")
        mishaps.still_runs(machine)
    sent = [message for message in twin.messages if message.topic == f"cameraDevice/{serial}/flood"]
    assert len(sent) == 108
