"""P-256 against published vectors: RFC 6979 A.2.5, and multiples of the base point."""

import hashlib

from check import raises
from device.claim import p256

# RFC 6979, A.2.5
_KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
_PUBLIC = (
    0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6,
    0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299,
)
_SIGNATURES = (
    (
        b"sample",
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    ),
    (
        b"test",
        0xF1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367,
        0x019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083,
    ),
)

# Multiples k * G as in the point multiplication vectors for NIST curves (P-256): k, x, y
_MULTIPLES = (
    (
        1,
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    ),
    (
        2,
        0x7CF27B188D034F7E8A52380304B51AC3C08969E277F21B35A60B48FC47669978,
        0x07775510DB8ED040293D9AC69F7430DBBA7DADE63CE982299E04B79D227873D1,
    ),
    (
        3,
        0x5ECBE4D1A6330A44C8F7EF951D4BF165E6C6B721EFADA985FB41661BC6E7FD6C,
        0x8734640C4998FF7E374B06CE1A64A2ECD82AB036384FB83D9A79B127A27D5032,
    ),
    (
        112233445566778899,
        0x339150844EC15234807FE862A86BE77977DBFB3AE3D96F4C22795513AEAAB82F,
        0xB1C14DDFDC8EC1B2583F51E85A5EB3A155840F2034730E9B5ADA38B674336A21,
    ),
    (
        p256.N - 1,
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0xB01CBD1C01E58065711814B583F061E9D431CCA994CEA1313449BF97C840AE0A,
    ),
)


def test_public_key_of_the_rfc():
    assert p256.public_key(_KEY) == _PUBLIC


def test_signatures_of_the_rfc():
    for message, r, s in _SIGNATURES:
        assert p256.sign(_KEY, hashlib.sha256(message).digest()) == (r, s)


def test_published_multiples():
    for k, x, y in _MULTIPLES:
        assert p256.public_key(k) == (x, y)


def test_points_are_on_the_curve():
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    for k in (4, 5, 6, 1 << 52, (1 << 208) + 1, (1 << 255) + 12345, p256.N - 2, p256.N // 2):
        x, y = p256.public_key(k)
        assert (y * y - x * x * x + 3 * x - b) % p256.P == 0


def test_opposite_scalars_give_opposite_points():
    for k in (2, 3, 1 << 128, _KEY):
        x, y = p256.public_key(k)
        assert p256.public_key(p256.N - k) == (x, p256.P - y)


def test_no_scalar_makes_the_comb_add_equal_points():
    # Before the last column c the sum is k - c. It equals c modulo N only for k = N + 2 * c with c negative:
    # 16 columns, and each would have to be the last column of its own k.
    for index in range(16):
        signs = [(index >> tooth & 1) * 2 - 1 for tooth in range(4)] + [-1]
        column = sum([sign << 52 * tooth for tooth, sign in enumerate(signs)])
        bits = (p256.N + 2 * column + (1 << 260) - 1) >> 1
        assert [(bits >> 52 * tooth & 1) * 2 - 1 for tooth in range(5)] != signs


def _numbers_below(prime):
    yield from (1, 2, 3, prime - 1, prime - 2, prime // 2, prime // 2 + 1, 1 << 64, 1 << 128, 1 << 255)
    for count in range(50):
        yield int.from_bytes(hashlib.sha256(b"%d" % count).digest(), "big") % prime


def test_inverses_are_those_of_fermat():
    for prime in (p256.P, p256.N):
        for number in _numbers_below(prime):
            assert p256._inverse(number, prime) == pow(number, prime - 2, prime)


def test_euclid_never_runs_on_the_number_itself():
    divisors = []

    def watched(dividend, divisor):
        divisors.append(divisor)
        return divmod(dividend, divisor)

    p256.divmod = watched
    try:
        for number in (2, p256.N - 1, _KEY):
            p256._inverse(number, p256.N)
            blind = divisors[0] * pow(number, p256.N - 2, p256.N) % p256.N
            assert blind >> 200, "a blind as long as the number"
            divisors.clear()
    finally:
        del p256.divmod


def test_a_blind_of_zero_is_none():
    real = p256.hmac_sha256
    p256.hmac_sha256 = lambda key, message: p256.N.to_bytes(32, "big")
    try:
        assert 7 * p256._inverse(7, p256.N) % p256.N == 1
    finally:
        p256.hmac_sha256 = real


def test_private_key_is_the_first_number_in_range():
    draws = [bytes(32), b"\xff" * 32, p256.N.to_bytes(32, "big"), (p256.N - 1).to_bytes(32, "big")]
    assert p256.generate_private_key(lambda size: draws.pop(0)) == p256.N - 1
    assert draws == []
    assert p256.generate_private_key(lambda size: bytes(size - 1) + b"\x01") == 1


def test_a_broken_random_source_ends_in_an_error():
    raises(ValueError, p256.generate_private_key, bytes)
    raises(ValueError, p256.generate_private_key, lambda size: b"\xff" * size)
    raises(ValueError, p256.generate_private_key, lambda size: b"short")


def test_refuses_keys_and_digests_out_of_range():
    for d in (0, -1, p256.N, p256.N + 1):
        raises(ValueError, p256.public_key, d)
        raises(ValueError, p256.sign, d, bytes(32))
    raises(ValueError, p256.sign, 1, bytes(31))
    raises(ValueError, p256.sign, 1, bytes(64))


def test_a_digest_above_the_order_is_reduced():
    above = (p256.N + 5).to_bytes(32, "big")
    assert p256.sign(_KEY, above) == p256.sign(_KEY, (5).to_bytes(32, "big"))


def test_progress_is_called_often_and_changes_nothing():
    calls = []
    assert p256.public_key(_KEY, lambda: calls.append(1)) == _PUBLIC
    assert len(calls) == 14
    digest = hashlib.sha256(b"sample").digest()
    assert p256.sign(_KEY, digest, lambda: calls.append(1)) == _SIGNATURES[0][1:]
    assert len(calls) == 28
