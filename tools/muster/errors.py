"""Expected errors: one exception type, printed without a traceback, and the exit codes."""

GOOD = 0
FAILED = 1
WRONG_USE = 2
PARTLY_DONE = 3
NO_DEVICE = 4
OUR_MISTAKE = 70  # EX_SOFTWARE of sysexits.h: an error in Muster itself
INTERRUPTED = 130
TERMINATED = 143  # as the shell says it of SIGTERM: 128 + 15


class MusterError(Exception):
    """Something a person can fix. The text says what, why and what to do next.

    `code` is the exit code of the command (see the constants of this module).
    """

    def __init__(self, text: str, code: int = FAILED) -> None:
        super().__init__(text)
        self.code = code
