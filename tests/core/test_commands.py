"""Which commands are carried out: only those of this moment; topics of commands."""

from device.core import commands, fields, topics

NOW_S = 1790000000
START_S = NOW_S - 100


def _fault(raw, name=fields.REBOOT, retained=False, now_s=NOW_S, start_s=START_S):
    return commands.fault(name, raw, retained, now_s, start_s)


def _sent(time_s):
    return b'{"time": %d}' % time_s


def test_topics():
    topic = topics.command("cameraDevice", "cam-1", "reboot")
    assert topic == "cameraDevice/cam-1/command/reboot"
    assert topics.matches(topics.command("cameraDevice", "cam-1", "+"), topic)
    assert topics.command_of("cameraDevice", "cam-1", topic) == "reboot"
    for other in (
        "cameraDevice/cam-1/command/",
        "cameraDevice/cam-1/command/a/b",
        "cameraDevice/cam-2/command/a",
        "",
    ):
        assert topics.command_of("cameraDevice", "cam-1", other) is None
    assert len(topics.command("p" * 64, "s" * 128, "n" * 32)) <= 256


def test_of_this_moment():
    for age_s in (-10, -1, 0, 1, 10):
        assert _fault(_sent(NOW_S - age_s)) is None
    assert "is 11 s old; the limit is 10 s" in _fault(_sent(NOW_S - 11))
    assert "ahead" in _fault(_sent(NOW_S + 11))
    assert "retained" in _fault(_sent(NOW_S), retained=True)
    assert "before the board started" in _fault(_sent(NOW_S - 5), start_s=NOW_S - 5)
    assert _fault(_sent(NOW_S - 5), start_s=NOW_S - 6) is None


def test_the_boards_own_need_a_time():
    for raw in (
        b"",
        b"{}",
        b"[]",
        b"5",
        b"null",
        b"{",
        b"\xff",
        b'{"time": null}',
        b'{"time": "5"}',
        b'{"time": true}',
        b'{"time": 1.5}',
        b"[" * 900,
    ):
        for name in commands.OWN:
            assert 'lacks "time"' in _fault(raw, name), raw
        assert _fault(raw, "blink") is None
    assert "1025 bytes" in _fault(b" " * 1025, "blink")
    assert "old" in _fault(_sent(NOW_S - 11), "blink") and "retained" in _fault(b"", "blink", True)
    assert _fault(_sent(NOW_S - 5), "blink", start_s=NOW_S) is None
