"""When a certificate is renewed: in the last part of its life, each board at a time of its own."""

import hashlib

_PERCENT = 100
_RESERVE_S = 10  # kept for a second try, of a short life
_SKEW_S = 300  # between the clocks of cloud and board
_BACKDATED_S = 3600  # a cloud may let a certificate begin a little before it was made
_SHORTEST_S = 5  # between two tries
_LONGEST_S = 86400
_OVER_S = 600  # between two tries when the certificate has ended


def due_s(from_s, until_s, window, seed):
    """When a certificate with these dates (Unix seconds) is to be renewed.

    `window`: the last part of its life, in percent. The time in it follows from `seed`, bytes that no other
    board has: it stays the same over restarts, and a fleet that was provisioned at once does not come at
    once. A tenth of the window stays for further tries; of a short one a quarter, up to 10 s.
    """
    width_s = max(0, until_s - from_s) * window // _PERCENT
    reserve_s = max(width_s // 10, min(width_s // 4, _RESERVE_S))
    part = int.from_bytes(hashlib.sha256(seed).digest()[:4], "big")
    return until_s - width_s + ((width_s - reserve_s) * part >> 32)


def retry_s(left_s, random_bytes):
    """Seconds until the next try, with so many left: an eighth to a quarter of them, at most a day."""
    window_s = max(2 * _SHORTEST_S, min(left_s // 4, _LONGEST_S) if left_s > 0 else _OVER_S) // 2
    return window_s + int.from_bytes(random_bytes(4), "big") % window_s


def clock_fault(now_s, from_s, until_s, is_new, made_s=None):
    """Why the clock cannot be right, with a certificate that the cloud accepts, or "".

    `is_new`: these dates have not been seen before. Later, one that has ended needs a new one.
    `made_s`: how many seconds ago it was made, if that is known. Without this, a board whose clock is far
    ahead would renew one new certificate after the other.
    """
    if now_s < from_s - _SKEW_S:
        return "it is before the certificate began"
    if is_new and now_s > until_s:
        return "the certificate has ended by it, and the cloud accepts it"
    if made_s is not None and now_s - from_s - made_s > max((until_s - from_s) // 2, _BACKDATED_S):
        return "the certificate is new, and not new by it"
    return ""


def life_text(left_s):
    """How long a certificate is still good, in words."""
    if left_s < 0:
        return "no longer"
    for size_s, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if left_s >= 2 * size_s:
            return "%d %s" % (left_s // size_s, unit)
    return "%d seconds" % left_s
