"""Sessions and wrong passwords, on a clock that the test sets."""

from device.web.login import Guesses, Sessions


class _Clock:
    now_ms = 1000

    def ms(self):
        return self.now_ms


class _Random:
    number = 0

    def __call__(self, count):
        self.number += 1
        return bytes([self.number]) * count


def test_a_session_has_a_cookie_and_a_token():
    sessions = Sessions(_Clock(), _Random())
    cookie, token = sessions.open()
    assert (cookie, token) == ("01" * 16, "02" * 16)
    assert sessions.token(cookie) == token
    for other in ("", "02" * 16, "01" * 15, cookie.upper() + " "):
        assert sessions.token(other) is None, other
    sessions.close(cookie)
    assert sessions.token(cookie) is None


def test_a_session_ends_when_it_is_not_used_and_at_last_always():
    clock = _Clock()
    sessions = Sessions(clock, _Random())
    idle, _ = sessions.open()
    used, _ = sessions.open()
    for _ in range(27):
        clock.now_ms += 1700000
        if clock.now_ms < 43200000:
            assert sessions.token(used), clock.now_ms
    assert sessions.token(idle) is None and sessions.token(used) is None


def test_the_session_used_longest_ago_makes_room():
    clock = _Clock()
    sessions = Sessions(clock, _Random())
    opened = []
    for _ in range(3):
        clock.now_ms += 10
        opened.append(sessions.open()[0])
    clock.now_ms += 10
    sessions.token(opened[0])
    opened.append(sessions.open()[0])
    assert [sessions.token(cookie) is not None for cookie in opened] == [True, False, True, True]


def test_wrong_passwords_delay_the_next_try():
    clock = _Clock()
    guesses = Guesses(clock)
    waits = []
    for _ in range(14):
        assert guesses.wait_ms("a") == 0
        guesses.begin("a")
        waits.append(guesses.wait_ms("a"))
        clock.now_ms += waits[-1]
    assert waits == [0] * 4 + [2000, 4000, 8000, 16000, 32000] + [60000] * 5


def test_the_delay_holds_however_often_one_tries():
    clock = _Clock()
    guesses = Guesses(clock)
    for _ in range(5):
        guesses.begin("a")
    clock.now_ms += 1500
    assert [guesses.wait_ms("a") for _ in range(100)] == [500] * 100


def test_the_right_password_and_ten_minutes_forgive():
    clock = _Clock()
    guesses = Guesses(clock)
    for forgive in (lambda: guesses.right("a"), lambda: setattr(clock, "now_ms", clock.now_ms + 600000)):
        for _ in range(20):
            guesses.begin("a")
        assert guesses.wait_ms("a") == 60000
        forgive()
        assert guesses.wait_ms("a") == 0
        guesses.begin("a")
        assert guesses.wait_ms("a") == 0


def test_strangers_do_not_lock_out_who_has_logged_in_and_nobody_is_free_of_the_delay():
    clock = _Clock()
    guesses = Guesses(clock)
    guesses.right("owner")
    for number in range(20):
        guesses.begin(f"stranger {number}")
    assert guesses.wait_ms("stranger") == 60000 and guesses.wait_ms("owner") == 0
    for _ in range(5):
        guesses.begin("owner")
    assert guesses.wait_ms("owner") == 2000, "for him too, there is a delay"
    clock.now_ms += 2000
    guesses.right("owner")
    assert guesses.wait_ms("stranger 1") > 0, "his log-in is no new try for the others"
    clock.now_ms += 60000
    guesses.right("new address")
    assert guesses.wait_ms("owner") == 0, "the right password forgives those who share the count"
