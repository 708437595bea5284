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
    """Delays the next try after wrong passwords, whoever tried: an address is easily changed.

    Only who logged in last, by the address, has a count of his own: strangers who try cannot lock him out.
    """

    def __init__(self, clock):
        self._clock = clock
        self._owner = None  # the address
        self._of_owner = [0, 0]  # wrong passwords, and when the last one came
        self._of_others = [0, 0]

    def _count(self, address):
        return self._of_owner if address == self._owner else self._of_others

    def wait_ms(self, address):
        """How long nobody may try from there; 0 when one may."""
        count = self._count(address)
        passed_ms = self._clock.ms() - count[1]
        if passed_ms >= _FORGET_MS:
            count[0] = 0
        if count[0] < _FREE_TRIES:
            return 0
        wait_ms = min(_FIRST_MS << min(count[0] - _FREE_TRIES, 8), _LONGEST_WAIT_MS)
        return max(0, wait_ms - passed_ms)

    def begin(self, address):
        """Count a try, before it is known to be right: many at once cannot avoid the delay."""
        count = self._count(address)
        count[0] += 1
        count[1] = self._clock.ms()

    def right(self, address):
        """The password was right."""
        self._count(address)[0] = 0
        self._owner = address
        self._of_owner = [0, 0]
