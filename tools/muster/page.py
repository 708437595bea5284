"""The web page of a board, as one file."""

import gzip


def built() -> bytes:
    """The page, compressed; the same bytes each time."""
    return gzip.compress(b"<!doctype html><title>Muster</title><h1>Muster</h1>", mtime=0)
