"""Claim IDs as people type them: Crockford's base 32 with an optional check symbol.

The twin's own reading of them, so that an error of the board's (device.core.claim_ids) shows in a test.
Source: Douglas Crockford, "Base 32", https://www.crockford.com/base32.html
"""

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHECK_SYMBOLS = SYMBOLS + "*~$=U"
LENGTHS = (10, 16)
_ALIKE = str.maketrans("OIL", "011")
_LEFT_OUT = str.maketrans("", "", "- \t\u2010\u2011\u2012\u2013")  # all sorts of dashes: phones make them


class CodeError(ValueError):
    """It is no claim ID; the text says why, in a sentence for people."""


def parse(text: str) -> str:
    """The claim ID that a person typed or scanned, as it is stored. Raises CodeError."""
    code = text.upper().translate(_LEFT_OUT)
    length = next((length for length in LENGTHS if len(code) in (length, length + 1)), None)
    if length is None:
        raise CodeError("A claim ID has 10 or 16 symbols, and perhaps a check symbol at its end.")
    body, given = code[:length].translate(_ALIKE), code[length:].translate(_ALIKE)
    if any(symbol not in SYMBOLS for symbol in body):
        raise CodeError("A claim ID has digits and letters only, without the letter U.")
    if given and given != check_symbol(body):
        raise CodeError("The check symbol does not fit: one symbol is wrong, or two changed places.")
    return body


def check_symbol(code: str) -> str:
    """Crockford's check symbol: the number modulo 37."""
    number = 0
    for symbol in code:
        number = number * len(SYMBOLS) + SYMBOLS.index(symbol)
    return _CHECK_SYMBOLS[number % len(_CHECK_SYMBOLS)]


def grouped(code: str) -> str:
    """The claim ID for people: 7423F-FA8DT-N."""
    size = 5 if len(code) == LENGTHS[0] else 4
    return "-".join([*(code[at : at + size] for at in range(0, len(code), size)), check_symbol(code)])
