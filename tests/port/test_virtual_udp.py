"""Name and time servers of the virtual board: real packets, and silence where a setting asks for it."""

import os
import subprocess

import pytest

from muster import interpreter, mpy
from muster.virtual import EXIT_END, EXIT_WATCHDOG, VirtualBoard
from tests.port.virtual_run import JOIN, TIMEOUT_S, lines, make, run

ASK = """
import socket, struct
def asking():
    question = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    question.settimeout(10)
    return question
def query(name, kind=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", 0x1234, 0x100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, kind, 1)
def server(port):
    return socket.getaddrinfo("127.0.0.1", port)[0][-1]
NTP = bytes([0x23]) + bytes(39) + b"ABCDEFGH"
"""

DNS = (
    ASK
    + """
join()
question = asking()
for name, kind in (("known.example", 1), ("known.example", 28), ("none.invalid", 1), ("localhost", 1)):
    question.sendto(query(name, kind), server(53))
    answer = question.recv(512)
    _, flags, questions, answers, _, _ = struct.unpack(">HHHHHH", answer)
    assert answer[:2] == b"\\x12\\x34" and answer[12:].startswith(query(name, kind)[12:])
    print(hex(flags), questions, answers, list(answer[-4:]) if answers else "")
question.setblocking(False)
print(error_of(question.recv, 512))
"""
)


@pytest.mark.parametrize("bits", [64, 32])
def test_dns_gives_the_address_no_address_of_another_type_or_no_name(tmp_path, bits):
    found = lines(tmp_path, DNS, bits=bits, HOSTS="known.example=127.0.0.2")
    assert found == [
        "0x8180 1 1 [127, 0, 0, 2]",
        "0x8180 1 0 ",
        "0x8183 1 0 ",
        "0x8180 1 1 [127, 0, 0, 1]",
        "error 11",
    ]


def test_dns_down_knows_no_name(tmp_path):
    found = lines(tmp_path, DNS, HOSTS="known.example=127.0.0.2", DNS="down")
    assert found == ["0x8183 1 0 "] * 4 + ["error 11"]


TIME = (
    ASK
    + """
join()
question = asking()
begin = time.ticks_ms()
question.sendto(NTP, server(123))
question.settimeout(0.9)
answer = error_of(question.recvfrom, 512)
if len(answer) == 2:
    answer, sender = answer
    seconds = struct.unpack(">I", answer[40:44])[0] - 2208988800
    print(answer[0] & 7, answer[1], answer[24:32], sender, abs(seconds - time.time()) < 2)
else:
    print(answer)
print(time.ticks_diff(time.ticks_ms(), begin) >= 450)
"""
)
GOOD = "4 1 b'ABCDEFGH' ('127.0.0.1', 123) True"


@pytest.mark.parametrize("bits", [64, 32])
def test_ntp_answers_with_the_time_of_the_host(tmp_path, bits):
    assert lines(tmp_path, TIME, bits=bits) == [GOOD, "False"]


@pytest.mark.parametrize(
    ("mood", "expected"),
    [("slow:0.5", [GOOD, "True"]), ("slow:5", ["error 110", "True"]), ("fail", ["error 110", "True"])],
)
def test_ntp_may_be_slow_or_silent(tmp_path, mood, expected):
    assert lines(tmp_path, TIME, NTP=mood) == expected


def test_servers_fall_silent_and_answer_again_while_the_board_is_on(tmp_path):
    program = """
def answers(packet, port):
    question = asking()
    question.settimeout(0.2)
    question.sendto(packet, server(port))
    return not isinstance(error_of(question.recv, 512), str)
join()
while True:
    print(answers(query("localhost"), 53), answers(NTP, 123))
"""
    silent = {"DNS", "NTP"}
    with VirtualBoard(make(tmp_path, {"/boot.py": JOIN, "/main.py": ASK + program}), silent=silent) as board:
        board.wait_for("False False")
        silent.remove("DNS")
        board.wait_for("True False")
        silent.clear()
        board.wait_for("True True")
        silent.add("DNS")
        board.wait_for("False True")


def test_without_a_network_nothing_can_be_sent(tmp_path):
    program = """
station = join()
question, name_server = asking(), server(53)
station.disconnect()
print(error_of(question.sendto, query("localhost"), name_server))
"""
    assert lines(tmp_path, ASK + program) == ["error 113"]


def test_what_is_no_question_gets_no_answer_and_harms_nobody(tmp_path):
    program = """
join()
question = asking()
for packet in (b"", b"x", bytes(11), bytes(12) + b"\\x05abc"):
    question.sendto(packet, server(53))
    question.sendto(packet, server(123))
    question.sendto(packet, server(80))
question.sendto(NTP[:47], server(123))
question.sendto(NTP, server(123))
print(len(question.recv(512)))
"""
    assert lines(tmp_path, ASK + program) == ["48"]


def test_started_by_hand_the_board_reaches_no_server(tmp_path):
    program = "join()\nprint(error_of(asking().sendto, NTP, server(123)))"
    image = make(tmp_path, {"/boot.py": JOIN, "/main.py": ASK + program})
    settings = {"MUSTER_BOARD_IMAGE": str(image), "MICROPYPATH": f"{mpy.stand_ins()}:.frozen"}
    words = [*interpreter.command(), "-m", "run"]
    result = subprocess.run(
        words, env={**os.environ, **settings}, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert result.stdout.splitlines() == ["error 113"]


SILENT = (
    ASK
    + """
import machine
join()
question = asking()
question.sendto(query("localhost"), server(53))
question.sendto(NTP, server(123))
answer = question.recv(512)
question.setblocking(False)
print(len(answer), error_of(question.recv, 512))
def look_up():
    begin = time.ticks_ms()
    print(error_of(lambda: len(socket.getaddrinfo("localhost", 80)) > 0))
    print(time.ticks_diff(time.ticks_ms(), begin) >= 500)
"""
)


def test_silent_dns_blocks_a_look_up_and_answers_no_question(tmp_path):
    assert lines(tmp_path, SILENT + "look_up()", DNS="silent:0.5") == ["48 error 11", "error -2", "True"]


def test_silent_dns_may_end(tmp_path):
    found = lines(tmp_path, SILENT + "time.sleep_ms(400)\nlook_up()", DNS="silent:0.5:0.4")
    assert found == ["48 error 11", "True", "False"]


def test_the_watchdog_bites_in_a_look_up_unless_a_timer_feeds_it(tmp_path):
    program = SILENT + "dog = machine.WDT(timeout=300)\n%slook_up()"
    feeding = "machine.Timer(period=100, hard=True, callback=lambda timer: dog.feed())\n"
    silent = {"environment": {"DNS": "silent:0.8"}}
    assert run(tmp_path, program % "", JOIN, **silent)[0] == EXIT_WATCHDOG
    assert run(tmp_path, program % feeding, JOIN, **silent)[0] == EXIT_END
