"""Elliptic curve P-256 (FIPS 186-5, SP 800-186), for making a key on the board.

Scalar multiplication of the base point by a signed comb: five teeth of 52 bits, so 51 doublings and
51 additions of a table point, about 970 multiplications modulo p against 3500 by double-and-add.

Timing: every scalar runs the same sequence of big-integer operations and no branch depends on a secret,
except in the two inversions. They use Euclid's algorithm (pow takes nine times as long on a board), whose
steps depend on the number. So each inverts the number times a blinding factor that HMAC derives from the
number: the steps then depend on the product, which is as good as random, and reveal nothing about the
number. The time of MicroPython's own operations, and the address of a table point, still depend slightly
on the numbers. That protects against observers on the network, not against probes on the board, which
could read its flash anyway.
"""

from device.core.hmac256 import hmac_sha256

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF  # prime of the field
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # order of the base point

SIZE = 32  # bytes of a scalar, of a coordinate and of a digest

_TRIES = 64  # each fails once in 2**32 with a good random source
_TEETH = 5
_COLUMNS = 52  # _TEETH * _COLUMNS bits hold every scalar
_PROGRESS_COLUMNS = 4


def generate_private_key(random_bytes):
    """Return a private key d, 1 <= d < N, by rejection sampling (FIPS 186-5, A.2.2).

    `random_bytes(n)` returns n bytes of a cryptographic source. ValueError when the source is broken.
    """
    for _ in range(_TRIES):
        candidate = random_bytes(SIZE)
        if len(candidate) != SIZE:
            raise ValueError("random source returned %d bytes instead of %d" % (len(candidate), SIZE))
        d = int.from_bytes(candidate, "big")
        if 1 <= d < N:
            return d
    raise ValueError("random source is broken: no usable private key in %d tries" % _TRIES)


def public_key(d, progress=None):
    """Return the public point (x, y) of private key `d`; ValueError when d is out of range.

    `progress()`, if given, is called 14 times meanwhile, to feed a watchdog and to collect garbage, which
    on a big heap is better than waiting until it is full.
    """
    if not 1 <= d < N:
        raise ValueError("P-256: private key out of range")
    return _multiply_base(d, progress)


def sign(d, digest, progress=None):
    """Return the ECDSA signature (r, s) of a SHA-256 `digest` (32 bytes) with the k of RFC 6979, 3.2.

    Raises ValueError for a key out of range or a digest of another length.
    """
    if not 1 <= d < N:
        raise ValueError("P-256: private key out of range")
    if len(digest) != SIZE:
        raise ValueError("P-256: digest must have %d bytes" % SIZE)
    z = int.from_bytes(digest, "big") % N
    seed = d.to_bytes(SIZE, "big") + z.to_bytes(SIZE, "big")
    value = b"\x01" * SIZE
    key = hmac_sha256(bytes(SIZE), value + b"\x00" + seed)
    value = hmac_sha256(key, value)
    key = hmac_sha256(key, value + b"\x01" + seed)
    value = hmac_sha256(key, value)
    for _ in range(_TRIES):
        value = hmac_sha256(key, value)
        k = int.from_bytes(value, "big")
        if 1 <= k < N:
            r = _multiply_base(k, progress)[0] % N
            s = _inverse(k, N) * (z + r * d) % N
            if r and s:
                return r, s
        key = hmac_sha256(key, value + b"\x00")
        value = hmac_sha256(key, value)
    raise ValueError("P-256: no signature in %d tries" % _TRIES)


def _multiply_base(k, progress):
    """Return k * G as (x, y), 1 <= k < N.

    An odd number below 2**260 is a sum of 260 powers of two, each with sign + or -: bit i of
    (k + 2**260 - 1) / 2 says which. An even k is replaced by N - k, and the result negated.
    """
    odd = k & 1
    signs = (((N - k, k)[odd] + (1 << _TEETH * _COLUMNS) - 1) >> 1).to_bytes(33, "little")
    x, y = _comb_point(signs, _COLUMNS - 1)
    z = 1
    for column in range(_COLUMNS - 2, -1, -1):
        x, y, z = _double(x, y, z)
        x2, y2 = _comb_point(signs, column)
        x, y, z = _add(x, y, z, x2, y2)
        if progress and not column % _PROGRESS_COLUMNS:
            progress()
    inverse = _inverse(z, P)
    if progress:
        progress()
    square = inverse * inverse % P
    y = y * square * inverse % P
    return x * square % P, (P - y, y)[odd]


def _inverse(secret, prime):
    """Return 1 / secret modulo a prime, 1 <= secret < prime, by the extended Euclid on a blinded number."""
    blind = int.from_bytes(hmac_sha256(secret.to_bytes(SIZE, "big"), b"blind"), "big") % prime or 1
    a, b = prime, secret * blind % prime
    x, y = 0, 1  # a = x * secret * blind and b = y * secret * blind, modulo prime
    while b:
        quotient, rest = divmod(a, b)
        a, b = b, rest
        x, y = y, x - quotient * y
    return x * blind % prime


def _comb_point(signs, column):
    """Return the affine sum of +-2**(52 * tooth) * G with the signs in `column`."""
    index = 0
    for tooth in range(_TEETH - 1, -1, -1):
        bit = tooth * _COLUMNS + column
        index = index << 1 | (signs[bit >> 3] >> (bit & 7) & 1)
    positive = index >> (_TEETH - 1)
    at = ((index ^ (positive - 1)) & 15) * (2 * SIZE)  # in the table the top tooth is positive
    x = int.from_bytes(_TABLE[at : at + SIZE], "big")
    y = int.from_bytes(_TABLE[at + SIZE : at + 2 * SIZE], "big")
    return x, (P - y, y)[positive]


def _double(x, y, z):
    """Double a Jacobian point; a = -3 saves a product (Explicit-Formulas Database, dbl-2001-b)."""
    p = P
    zz = z * z % p
    yy = y * y % p
    beta = x * yy % p
    alpha = 3 * (x - zz) * (x + zz) % p
    x3 = (alpha * alpha - 8 * beta) % p
    return x3, (alpha * (4 * beta - x3) - 8 * yy * yy) % p, 2 * y * z % p


def _add(x, y, z, x2, y2):
    """Add an affine point to a Jacobian one.

    The formulas fail for equal and for opposite points, which the comb never meets: the sum of both
    is an odd number between -N and N times G, so the points are not opposite, and equal ones need
    k = N + 2 * (sum of the last column), which none of the 16 negative columns fulfils (a test tries).
    """
    p = P
    zz = z * z % p
    h = (x2 * zz - x) % p
    r = (y2 * zz * z - y) % p
    hh = h * h % p
    hhh = h * hh % p
    v = x * hh % p
    x3 = (r * r - hhh - 2 * v) % p
    return x3, (r * (v - x3) - y * hhh) % p, z * h % p


# Entry m, of 16: x and y of 2**208 * G + the sum over teeth t = 0..3 of 2**(52 * t) * G, added where bit t of
# m is 1 and subtracted where it is 0. tests/tools/test_csr_against_cryptography.py computes it again.
_TABLE = (
    b"\x84\x29\xdf\xdd\x7f\xd0\x81\xc5\xc7\x0c\x60\xad\x4a\xcd\xa0\xcb\xf8\x8c\x60\xc8\x3a\x22\xaa\xd4\xf9"
    b"\x52\x76\xd2\xc7\xe5\x4b\xee\xc0\x56\xe5\x44\x85\x18\x97\xe6\x8b\xae\x07\x1e\x20\xf9\xff\x59\x26\xd8"
    b"\x2c\x6b\x13\x13\x88\x32\xb6\xe0\x09\x49\x53\x87\x30\x20\x2e\x8f\x84\xba\xdf\x5a\xd6\xe9\x74\xa9\x5e"
    b"\x72\x92\xd8\x1b\x88\xbd\x56\x92\x74\x2a\x56\x6f\xc8\xaa\x44\x31\x4c\xea\x4b\x56\x4a\xd4\x4a\xc5\x5d"
    b"\x54\x38\xfb\xad\x45\xda\x91\x65\xcd\x48\x2e\xca\x41\x1f\x1c\xcd\xb1\x58\x43\xf8\xd3\xf6\xbb\xe9\x93"
    b"\x5c\x5d\xad\x57\x2d\x60\x7b\x2a\xc9\xce\x9f\xeb\x66\x2c\xf0\x7d\xa8\x1d\xca\x3b\x08\x6f\x1f\x36\xe6"
    b"\x5e\xb5\x0e\x64\x5a\xc3\x16\x74\xdc\xab\x12\x5e\xb4\xaa\x1b\xcc\x94\x55\x15\x28\xeb\x2d\xdd\x40\xce"
    b"\x47\x5f\x60\x20\xd9\xe1\x45\x1f\x4e\xda\xc5\xf4\xc1\x25\xdd\xa5\x60\xa4\xf9\xf3\x67\x2c\x06\xe4\xea"
    b"\xbe\x4f\xa3\x09\x25\x0a\x69\x32\x7b\x6d\x23\x4e\xc3\xda\x30\xbb\x41\x61\x83\x05\xbc\xb7\x05\x52\xf7"
    b"\x6f\x53\x48\x25\xc4\x42\xe4\x5a\xf9\x50\x1f\xa5\xd9\x8e\x06\x90\x09\x7c\xb6\x05\x2a\x14\xae\xb8\xeb"
    b"\xea\x26\xf6\x8d\x98\x1b\x3f\x0c\x96\xe6\xcf\xef\x22\x13\x4c\xfb\x0e\x28\x64\x6d\xb6\x07\x89\xae\x78"
    b"\x8c\x22\xbd\x69\x11\xba\x93\x14\xd9\x33\x8e\x58\xda\xdb\xfb\x71\x91\x92\xcc\xc3\x5c\x15\xf3\xf0\x2b"
    b"\x21\x87\x6f\xc4\xde\x2e\x23\x7a\xfd\x66\x57\xfa\xf9\x66\xd2\xb0\xf3\x50\x10\x83\x79\x18\xb0\x3b\xde"
    b"\x55\xc5\xed\xd9\xfd\x0d\xa1\x64\x39\x66\xb8\x10\x65\xae\x57\xcc\x8e\xa3\x58\x3e\x95\x56\x41\xb2\x58"
    b"\xfb\xba\x61\x4a\xf4\x53\x51\xea\x04\x8b\xfb\x2b\x86\x3e\xcd\xdb\x93\x09\x54\x3b\x7d\xd0\x8e\x46\xe9"
    b"\x93\xbc\x3b\xae\xe5\xb6\x87\x0e\x88\xaf\x21\xe4\x9c\x72\xb2\x24\x79\x41\xfb\xa4\x9e\x8e\x9e\x8b\xf3"
    b"\xc5\xd1\x5a\x99\x9b\x4a\xd9\xfd\x0a\x3e\x34\x94\x10\x32\x66\x11\xb0\x11\x0f\xe5\xfc\xae\x53\x6c\xd2"
    b"\x00\xd6\xff\xcf\x1d\x41\x05\xd1\x43\xd5\x9d\x3e\xa1\x11\x6a\xf9\x41\x49\x62\x13\xa4\xb5\x2a\xd5\x58"
    b"\x8a\x0d\xc9\x48\x56\x1b\x98\x46\x5d\xd3\xf4\x7b\xf8\xea\x0f\x09\x1a\x2f\x86\xfb\x87\x97\xcf\x04\x27"
    b"\x14\x99\x4a\x5b\x6e\xda\xa9\x4e\x8f\xa3\x5c\x55\x1a\xe9\xf6\x49\xda\xc7\xf7\xa9\x2f\x47\xf5\xcb\x7d"
    b"\x42\xdd\xc4\x96\xde\x5b\x9a\x41\x9b\xc7\x49\x03\x01\xe0\xde\x74\xd8\x6d\x9b\xc0\x59\x24\xf7\xf0\x90"
    b"\xe7\xf7\xf9\xa8\xea\x75\x89\x4d\x6e\x17\x37\x09\x68\xaa\xa0\x9c\x6d\xe2\xf0\xdb\xbd\x89\x1f\x48\x8b"
    b"\x2f\x0a\xdb\xb4\xca\x96\x0a\xa4\x4e\x5d\x51\x22\x67\xad\x4a\x0a\x4a\xef\x9b\x06\xbf\x92\x68\xaf\x55"
    b"\x2b\x2b\x51\xf0\x9a\x3b\xd7\x36\x79\xdb\x3c\xd8\xf0\x79\xc1\xa3\xab\xa0\x7e\xde\xc9\x98\x05\x68\x27"
    b"\xe7\xda\x7a\x30\x3e\xf6\xf4\xc1\xad\x9c\xe7\xab\x33\x2a\xb9\x12\x96\x6b\x6b\xd4\x09\x31\x50\x57\x61"
    b"\xa5\x24\xf3\xdf\xd9\xfe\x28\x6b\x4b\xa1\x9f\xa4\x5f\x02\xe8\xeb\x34\xf0\x80\x24\x37\x3a\x17\xd3\x31"
    b"\xbc\xdc\xc3\xf5\xec\xec\xae\x16\x00\xab\xc0\x01\x57\xb9\x0a\xbb\x92\x6b\x85\x45\x43\x8a\x75\x8f\xe2"
    b"\x59\xa8\xf9\x30\x55\x5f\xe2\x4b\xa3\xaa\xdb\x79\x2e\xf0\x2c\xa1\x0a\xcf\x0d\x91\xcd\x57\x10\x00\x75"
    b"\xb1\xef\x8e\x14\xda\xb8\xdd\xdc\x24\xda\x64\x38\x1a\xeb\xf4\x3c\xdd\x9e\xbe\x66\x0c\x0b\xf6\x13\x8b"
    b"\x38\x43\xd5\x3b\x9e\x5a\x25\x32\x03\x04\xd1\x9e\xb0\xef\xbf\x9e\x4e\x37\x0c\x76\x50\xec\x55\x8d\x31"
    b"\x5e\xf7\x64\x77\x97\xc6\x48\xca\x98\x37\xf6\x54\x1c\x56\x08\xba\x5b\x92\x52\x78\x84\x40\x96\xc4\xff"
    b"\x9c\x89\x61\x6c\xb1\xe7\x9e\x07\xdd\xdc\x8f\x13\xbf\xca\xed\xdb\x83\x8c\x3d\x52\x02\x79\x8f\x31\x6d"
    b"\x4d\x3d\x59\x23\xa6\x1a\xe1\xb4\xde\xd0\xd1\x5b\xbf\x2d\xd8\x34\x80\xb8\x66\xfe\x6c\x50\xa1\xef\xa2"
    b"\x09\x99\xf6\xa9\x34\xb6\x69\x79\x2f\x29\xf8\x67\x69\x84\xa9\x4f\x52\x39\xd9\x79\x15\x51\xab\xc2\x95"
    b"\x20\xb8\xbf\x0a\xb9\x11\xf3\x17\xd3\x2c\x9b\xf1\x74\xbf\xf0\xd8\xce\x8b\x3b\x28\xe9\x4a\x35\x6f\xdd"
    b"\x6d\xc9\xd4\xb1\xc1\x9a\xb2\xfa\xf2\x39\xb9\x6d\x8b\x08\xf2\x67\xf2\xa6\xfb\x03\x6b\xad\x7f\x1b\x10"
    b"\xb6\x32\x36\x54\xab\x7d\x90\x07\x69\xdd\xab\xe5\x1c\x28\xa6\x36\xd0\x74\x61\x91\xf1\xb2\xfb\x60\x2c"
    b"\x26\x03\xd7\x12\x7f\x9b\x5d\x07\xbd\xe2\x55\x3f\xac\xbe\x89\xfd\xe4\x78\x3f\x4a\x77\x65\xa1\xbe\x18"
    b"\x1b\xea\x09\xb9\xd1\x96\x16\xbc\xeb\x7d\x82\x5f\x01\x94\x8e\x83\x1d\x5b\x76\xc4\xc1\x80\x42\x86\xfb"
    b"\x42\x1a\x25\x30\xb0\x5a\x00\x16\x9c\x2e\x75\xa2\x66\x5b\x69\x65\x27\x43\x58\x72\xfe\xbc\x72\x3a\x17"
    b"\x61\x79\x4c\x4f\x24\x11\x11\x50\x10\x6f\x9b\xc4\xce\x5b\x10\x6a\xdb\xf0\xa1\x1f\xef\x70\x37\x39"
)
