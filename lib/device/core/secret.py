"""A value that is never shown: a password, a key. What prints or logs it gets three stars.

`board.say` takes text and nothing else, so a Secret, or the bytes of a key, cannot be logged by mistake.
Whoever needs the value calls `reveal()`; there are only a few such places.
"""

HIDDEN = "***"


class Secret:
    """Hides `value`, a string or bytes. Two are equal if they hide the same value."""

    def __init__(self, value):
        self._value = value

    def reveal(self):
        """The value, for the one call that needs it."""
        return self._value

    def __repr__(self):
        return HIDDEN

    def __str__(self):
        return HIDDEN

    def __eq__(self, other):
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self):
        return 0
