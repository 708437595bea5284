"""The keys for AWS that the twin has handed out; in memory only."""

import base64
import secrets
from collections import OrderedDict
from typing import NamedTuple

from muster.twin.settings import Settings

MOST_KEPT = 20_000  # sets of keys; the oldest is forgotten first
_TOKEN_BYTES = 720  # AWS's tokens have some hundred characters to more than a thousand


class Issued(NamedTuple):
    """One set of keys; `thing_name` is None if the device did not name itself."""

    access_key_id: str
    secret: str
    token: str
    expires_s: float
    certificate_id: str
    thing_name: str | None

    def __repr__(self) -> str:
        return f"Issued({self.access_key_id})"


class Credentials:
    """The keys that were handed out and have not ended."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._issued: OrderedDict[str, Issued] = OrderedDict()

    def issue(self, certificate_id: str, thing_name: str | None) -> Issued:
        """New keys for the owner of a certificate."""
        now_s = self._settings.clock()
        while self._issued and self._is_over(now_s):
            self._issued.popitem(last=False)
        issued = Issued(
            "ASIA" + base64.b32encode(secrets.token_bytes(10)).decode(),
            base64.b64encode(secrets.token_bytes(30)).decode(),
            base64.b64encode(secrets.token_bytes(_TOKEN_BYTES)).decode(),
            int(now_s) + self._settings.credentials_life_s,
            certificate_id,
            thing_name,
        )
        self._issued[issued.access_key_id] = issued
        return issued

    def _is_over(self, now_s: float) -> bool:
        """Whether the oldest keys have ended, or are too many."""
        oldest = next(iter(self._issued.values()))
        return oldest.expires_s <= now_s or len(self._issued) >= MOST_KEPT

    def secret_of(self, access_key_id: str) -> Issued | None:
        """The keys with this id, if they were handed out here; they may have ended: see `expires_s`."""
        return self._issued.get(access_key_id)

    def all(self) -> list[Issued]:
        """The keys that have not been forgotten, the oldest first."""
        return list(self._issued.values())
