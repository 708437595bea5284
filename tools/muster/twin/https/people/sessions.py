"""Who is signed in: in memory only, so a restart of the twin signs everybody out."""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from muster.registry.accounts import Account

IDLE_S = 30 * 60
LONGEST_S = 12 * 3600
_SESSIONS = 1000  # of all people; whoever was quiet for longest is signed out
_TOKEN_BYTES = 32


@dataclass
class Session:
    """One browser of one person. `password` is the hash that was right; `notice` is shown once."""

    account: str
    password: str
    started_s: float
    seen_s: float
    is_operator: bool = False
    notice: str = ""


class Sessions:
    """All of them, by the digest of what the browser keeps in its cookie."""

    def __init__(
        self, clock: Callable[[], float], idle_s: float = IDLE_S, longest_s: float = LONGEST_S
    ) -> None:
        self._clock = clock
        self._idle_s = idle_s
        self._longest_s = longest_s
        self._secret = secrets.token_bytes(_TOKEN_BYTES)
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def open(self, account: Account) -> str:
        """Sign in; what the browser has to keep."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        now_s = self._clock()
        self._sessions[_digest(token)] = Session(account.name, account.password, now_s, now_s)
        while len(self._sessions) > _SESSIONS:
            self._sessions.popitem(last=False)
        return token

    def find(
        self, token: str, look_up: Callable[[str], Account | None], is_person: bool = True
    ) -> Session | None:
        """The session that this token opened, unless it is too old, or the password was changed meanwhile.

        `is_person` False: a page asks by itself, which does not keep the session alive.
        """
        key = _digest(token)
        session = self._sessions.get(key)
        if session is None:
            return None
        now_s = self._clock()
        is_over = now_s - session.seen_s > self._idle_s or now_s - session.started_s > self._longest_s
        account = look_up(session.account)
        if is_over or account is None or account.password != session.password:
            del self._sessions[key]
            return None
        session.is_operator = bool(account.is_operator)  # as it is now
        if is_person:
            session.seen_s = now_s
            self._sessions.move_to_end(key)
        return session

    def close(self, token: str) -> None:
        """Sign out."""
        self._sessions.pop(_digest(token), None)

    def form_token(self, token: str) -> str:
        """What a form of the browser with this cookie carries, which no other site can know."""
        return hmac.new(self._secret, token.encode(errors="replace"), hashlib.sha256).hexdigest()

    def is_form_token(self, token: str, given: str) -> bool:
        """Whether a form came from our page in the browser with this cookie."""
        return bool(token) and hmac.compare_digest(
            self.form_token(token).encode(), given.encode(errors="replace")
        )


def new_token() -> str:
    """For the cookie of a browser in which nobody is signed in yet."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
