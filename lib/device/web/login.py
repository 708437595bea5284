"""Who is logged in: sessions in memory, and how often a password may be tried."""

import binascii

COOKIE = "muster"

_SESSIONS = 3
_IDLE_MS = 1800000
_LONGEST_MS = 43200000
_TOKEN_BYTES = 16

_FREE_TRIES = 5  # wrong passwords without a delay
_FIRST_MS = 2000
_LONGEST_WAIT_MS = 60000
_FORGET_MS = 600000  # without a wrong password


class Sessions:
    """The sessions of those who know the password. They end with a restart."""

    def __init__(self, clock, random_bytes):
        self._clock = clock
        self._random_bytes = random_bytes
        self._sessions = []  # [cookie, token, opened ms, used ms]

    def open(self):
        """(cookie, token) of a new session; the one that was used longest ago makes room."""
        now_ms = self._clock.ms()
        self._drop_old(now_ms)
        if len(self._sessions) >= _SESSIONS:
            self._sessions.remove(min(self._sessions, key=_used_ms))
        cookie, token = (binascii.hexlify(self._random_bytes(_TOKEN_BYTES)).decode() for _ in range(2))
        self._sessions.append([cookie, token, now_ms, now_ms])
        return cookie, token

    def token(self, cookie):
        """The token that a change must bring, or None when there is no such session."""
        now_ms = self._clock.ms()
        self._drop_old(now_ms)
        for session in self._sessions:
            if session[0] == cookie:
                session[3] = now_ms
                return session[1]
        return None

    def close(self, cookie):
        """End a session."""
        self._sessions = [session for session in self._sessions if session[0] != cookie]

    def _drop_old(self, now_ms):
        self._sessions = [
            session
            for session in self._sessions
            if now_ms - session[3] < _IDLE_MS and now_ms - session[2] < _LONGEST_MS
        ]


def _used_ms(session):
    return session[3]


class Guesses:
    """Delays the next try after wrong passwords, whoever tried: an address is easily changed."""

    def __init__(self, clock):
        self._clock = clock
        self._wrong = 0
        self._last_ms = 0

    def wait_ms(self):
        """How long nobody may try; 0 when one may."""
        passed_ms = self._clock.ms() - self._last_ms
        if passed_ms >= _FORGET_MS:
            self._wrong = 0
        if self._wrong < _FREE_TRIES:
            return 0
        wait_ms = min(_FIRST_MS << min(self._wrong - _FREE_TRIES, 8), _LONGEST_WAIT_MS)
        return max(0, wait_ms - passed_ms)

    def begin(self):
        """Count a try, before it is known to be right: many at once cannot avoid the delay."""
        self._wrong += 1
        self._last_ms = self._clock.ms()

    def right(self):
        """The password was right."""
        self._wrong = 0
