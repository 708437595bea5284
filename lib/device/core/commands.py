"""Whether a command may be carried out: it is of this moment. Used rarely, then unloaded."""

from device.core import documents, fields

MAX_BYTES = 1024
MAX_AGE_S = 10
OWN = (fields.REBOOT, fields.RELEASE)  # the board's own; all other names are the application's


def fault(name, raw, is_retained, now_s, start_s):
    """Why the command `name` with the payload `raw` is ignored, or None. `start_s`: when the board started.

    The board's own must say when they were sent: a copy that comes later, kept by the cloud or sent again by
    somebody who listened, must do nothing. The application's may.
    """
    if is_retained:
        return "is retained: it may be old"
    if len(raw) > MAX_BYTES:
        return "has %d bytes; the limit is %d" % (len(raw), MAX_BYTES)
    sent_s = _time(raw)
    if sent_s is None:
        if name not in OWN:
            return None
        return 'lacks "%s", the Unix seconds when it was sent' % fields.TIME
    if now_s - sent_s > MAX_AGE_S:
        return "is %d s old; the limit is %d s" % (now_s - sent_s, MAX_AGE_S)
    if sent_s - now_s > MAX_AGE_S:
        return "comes from %d s ahead; correct the clock of the sender, or of the board" % (sent_s - now_s)
    if name in OWN and sent_s <= start_s:
        return "was sent before the board started"
    return None


def _time(raw):
    """The time in a payload; None when there is none."""
    try:
        value = documents.loads(raw).get(fields.TIME) if raw else None
    except (ValueError, AttributeError):
        return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
