"""The twin's log, safe to show on a terminal whatever devices send."""

import logging

from muster.printable import printable

NAME = "muster.twin"


class _Printable(logging.Filter):
    """Escapes what comes from devices: client ids, topics, payloads."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = printable(record.getMessage()), None
        return True


def log() -> logging.Logger:
    """The logger of every module of the twin."""
    logger = logging.getLogger(NAME)
    if not any(isinstance(one, _Printable) for one in logger.filters):
        logger.addFilter(_Printable())
    return logger
