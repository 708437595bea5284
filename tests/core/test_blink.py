"""The status light: a code for each step, which a person can count and tell from the others."""

from device.core import blink

STEPS = ("network", "provision", "mqtt", "status")


def seen(code, for_ms):
    """[(is on, how long in ms)] of `code`, as somebody sees it who never looks late."""
    found, at_ms = [], 0
    while at_ms < for_ms:
        is_on, wait_ms = blink.phase(code, at_ms)
        assert wait_ms > 0
        if found and found[-1][0] == is_on:
            found[-1] = (is_on, found[-1][1] + wait_ms)
        else:
            found.append((is_on, wait_ms))
        at_ms += wait_ms
    return found


def test_each_step_has_its_number_of_blinks():
    for count, step in enumerate(STEPS, 1):
        for fails in ("", "mqtt: refused"):
            assert blink.code(step, fails, None, False) == count
    assert blink.code("up", "app: broken", None, False) == 5
    assert blink.code("up", "", None, False) == blink.SHINES


def test_the_access_point_hides_the_step_and_the_button_hides_both():
    codes = {blink.code(step, "", None, False) for step in STEPS + ("up",)} | {5}
    opened = blink.code("network", "network: none", ("muster-1234", "192.168.4.1"), False)
    held = blink.code("network", "", ("muster-1234", "192.168.4.1"), True)
    assert opened not in codes and held not in codes and opened != held
    assert blink.code("up", "", None, True) == held


def test_blinks_can_be_counted():
    for count in range(1, 6):
        period_ms = count * 500 + 1500
        cycles = seen(count, 3 * period_ms)
        assert sum(is_on for is_on, _ in cycles) == 3 * count
        assert all(length_ms == 200 for is_on, length_ms in cycles if is_on)
        pauses = [length_ms for is_on, length_ms in cycles if not is_on and length_ms > 300]
        assert pauses == [1800] * 3, pauses  # six times as long as between two blinks
        assert sum(length_ms for _, length_ms in cycles) == 3 * period_ms


def test_all_well_is_a_light_that_shines():
    assert seen(blink.SHINES, 60000)[0][0] and len(seen(blink.SHINES, 60000)) == 1


def test_the_others_are_even_one_slow_one_quick():
    opened = blink.code("up", "", ("name", "address"), False)
    held = blink.code("up", "", None, True)
    assert set(seen(opened, 5000)) == {(True, 500), (False, 500)}
    assert set(seen(held, 5000)) == {(True, 100), (False, 100)}


def test_who_looks_late_sees_the_same_light():
    for code in (-2, -1, 0, 1, 4, 5):
        for at_ms in range(0, 9000, 70):
            is_on, wait_ms = blink.phase(code, at_ms)
            assert blink.phase(code, at_ms + wait_ms - 1)[0] == is_on
