"""The twin's reading of claim IDs, and the board's: they agree, and neither uses the other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.core import claim_ids
from muster.twin.https import codes

_CODES = st.sampled_from((10, 16)).flatmap(
    lambda length: st.text(alphabet=codes.SYMBOLS, min_size=length, max_size=length)
)


@given(_CODES)
def test_both_show_the_same(code: str) -> None:
    assert codes.grouped(code) == claim_ids.shown(code)
    assert codes.parse(codes.grouped(code)) == code == codes.parse(code.lower())


@given(st.text(alphabet=codes.SYMBOLS + "OILUoilu*~$=- ", max_size=24))
def test_both_read_the_same(text: str) -> None:
    try:
        found = codes.parse(text)
    except codes.CodeError:
        found = ""
    assert found == claim_ids.read(text)


@given(_CODES, st.data())
def test_one_wrong_symbol_is_found(code: str, data) -> None:
    at = data.draw(st.integers(0, len(code) - 1))
    other = data.draw(st.sampled_from([symbol for symbol in codes.SYMBOLS if symbol != code[at]]))
    wrong = code[:at] + other + code[at + 1 :] + codes.check_symbol(code)
    with pytest.raises(codes.CodeError, match="check symbol"):
        codes.parse(wrong)


@pytest.mark.parametrize("text", ["7423F\u2013FA8DT", "7423F FA8DT N", " 7423f-fa8dt-n\t", "742 3F–FA8DT"])
def test_dashes_of_phones_do_not_matter(text: str) -> None:
    assert codes.parse(text) == "7423FFA8DT"
