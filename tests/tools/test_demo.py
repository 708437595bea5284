"""What `muster demo` makes of a board's console."""

from muster import demo

CONSOLE = """\
        7 ms  network    joining
       16 ms  provision  connect with the claim certificate as camera-0001
      117 ms  network    joined
      119 ms  mqtt       umqtt.simple from /lib/umqtt/simple.mpy
      175 ms  provision  subscribe to 4 topics
MicroPython v1.29
      196 ms  provision  identity camera-0001
      302 ms  mqtt       connected to localhost as camera-0001
      319 ms  status     published on a/b/booted, PROVISION_STATUS is True
"""


def test_a_step_ends_with_the_next_line_of_its_service_and_waiting_for_wifi_is_not_connecting() -> None:
    steps = demo.steps(CONSOLE)
    assert [(step.at_ms, step.took_ms) for step in steps] == [
        (7, 110),
        (16, 58),
        (117, None),
        (119, None),
        (175, 21),
        (196, None),
        (302, None),
        (319, None),
    ]
    assert (steps[1].service, steps[1].text) == (
        "provision",
        "connect with the claim certificate as camera-0001",
    )


def test_a_step_that_was_cut_off_took_no_time_that_is_known() -> None:
    (step,) = demo.steps("     16 ms  provision  ask $aws/certificates/create/json\n")
    assert step.took_ms is None
