"""The journal: the progress of provisioning, written before each message that cannot be undone.

| step       | on flash                                  | at the next boot                              |
|------------|-------------------------------------------|-----------------------------------------------|
| idle       | nothing pending                           | start                                         |
| create     | own key: the key, in the trial slot       | request a certificate, with the same key      |
| created    | trial slot without its seal, the token    | try the identity, else register again         |
| registered | the same, and the thing name              | try the identity                              |

The budget counts the certificates requested today, so that no fault can make a board request one after
another.
"""

import json

from device.core import documents, fields

IDLE = "idle"
CREATE = "create"
CREATED = "created"
REGISTERED = "registered"

_STEPS = (IDLE, CREATE, CREATED, REGISTERED)
_DAY_S = 86400
# An ownership token is valid for 1 hour on AWS; the margin covers latency and clock error.
TOKEN_LIFE_S = 55 * 60
_DAYS_BACK = 8  # without a battery, the clock falls back to the last saved time, at most a week old


class Journal:
    """The fields of the journal; `encode` writes them, `decode` reads them and trusts nothing."""

    def __init__(self):
        self.budget_day = 0
        self.budget_used = 0
        self.clear()

    def clear(self):
        """Forget what was pending; the budget stays."""
        self.step = IDLE
        self.certificate_id = ""
        self.token = ""
        self.token_time = 0
        self.digests = {}
        self.thing_name = ""
        self.configuration = {}
        self.unsure = True  # not on flash: a registration may have succeeded although its answer was lost

    def token_good(self, now):
        """Whether the ownership token may still be valid at `now` (Unix seconds).

        If the clock went back (a board without a battery), only the cloud can tell.
        """
        return now - self.token_time < TOKEN_LIFE_S

    def spend(self, now, limit):
        """Take one certificate from the daily budget of `limit`; return False when none is left.

        A clock that goes back a little gives no new budget; one that was far ahead does not block the board.
        """
        day = now // _DAY_S
        if day > self.budget_day or day < self.budget_day - _DAYS_BACK:
            self.budget_day = day
            self.budget_used = 0
        if self.budget_used >= limit:
            return False
        self.budget_used += 1
        return True

    def encode(self):
        """The journal as bytes."""
        return json.dumps(
            {
                fields.VERSION: 1,
                fields.STEP: self.step,
                fields.BUDGET_DAY: self.budget_day,
                fields.BUDGET_USED: self.budget_used,
                fields.CERTIFICATE_ID: self.certificate_id,
                fields.OWNERSHIP_TOKEN: self.token,
                fields.TOKEN_TIME: self.token_time,
                fields.DIGESTS: self.digests,
                fields.THING_NAME: self.thing_name,
                fields.DEVICE_CONFIGURATION: self.configuration,
            }
        ).encode()


def decode(raw):
    """The Journal in `raw` (bytes or None); an unreadable journal counts as empty."""
    journal = Journal()
    if raw is None:
        return journal
    try:
        value = documents.loads(raw)
        if not isinstance(value, dict) or value.get(fields.STEP) not in _STEPS:
            return journal
        journal.budget_day = int(value.get(fields.BUDGET_DAY, 0))
        journal.budget_used = int(value.get(fields.BUDGET_USED, 0))
        journal.certificate_id = str(value.get(fields.CERTIFICATE_ID, ""))
        journal.token = str(value.get(fields.OWNERSHIP_TOKEN, ""))
        journal.token_time = int(value.get(fields.TOKEN_TIME, 0))
        journal.digests = dict(value.get(fields.DIGESTS, {}))
        journal.thing_name = str(value.get(fields.THING_NAME, ""))
        journal.configuration = dict(value.get(fields.DEVICE_CONFIGURATION, {}))
        journal.step = value[fields.STEP]
    except (ValueError, TypeError, OverflowError):
        journal.clear()
    return journal
