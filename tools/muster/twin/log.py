"""The twin's log, safe to show on a terminal whatever devices send."""

import logging

NAME = "muster.twin"


def printable(text: str) -> str:
    """`text` with every control character written as an escape, so that nobody can forge or hide a line."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


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
