"""Makes the certificates and keys beside this file. They are for tests only: their keys are public.

Run once with the project's Python: `python tests/golden/p256/make.py`. Every run gives other keys, so run it
only to add a case, and commit all files together.
"""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

HERE = Path(__file__).parent
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Muster test only, key is public")])
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
FORMS = {"traditional": PrivateFormat.TraditionalOpenSSL, "pkcs8": PrivateFormat.PKCS8}


def certificate(key: Key, not_before: datetime.datetime, not_after: datetime.datetime) -> bytes:
    """Return a self-signed certificate as PEM."""
    builder = x509.CertificateBuilder(
        issuer_name=NAME,
        subject_name=NAME,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=not_before,
        not_valid_after=not_after,
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def main() -> None:
    """Write the key in each form and one certificate of each kind."""
    keys: dict[str, Key] = {
        "ec": ec.generate_private_key(ec.SECP256R1()),
        "ec_other": ec.generate_private_key(ec.SECP256R1()),
        "ec384": ec.generate_private_key(ec.SECP384R1()),
        "rsa": rsa.generate_private_key(65537, 2048),
    }
    first = datetime.datetime(2026, 1, 2, 3, 4, 5)
    lives = {  # years up to 2049 are written as UTCTime, later ones as GeneralizedTime
        "ec": (first, datetime.datetime(2049, 12, 31, 23, 59, 59)),
        "ec_other": (datetime.datetime(1950, 1, 1), datetime.datetime(2050, 1, 1)),
        "ec384": (datetime.datetime(2049, 12, 31, 23, 59, 59), datetime.datetime(9999, 12, 31, 23, 59, 59)),
        "rsa": (first, datetime.datetime(2028, 2, 29, 12)),
    }
    for name, key in keys.items():
        (HERE / f"{name}.crt.pem").write_bytes(certificate(key, *lives[name]))
        for form, private_format in FORMS.items():
            text = key.private_bytes(Encoding.PEM, private_format, NoEncryption())
            (HERE / f"{name}.{form}.key.pem").write_bytes(text)
    locked = keys["ec"].private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"test")
    )
    (HERE / "ec.encrypted.key.pem").write_bytes(locked)


if __name__ == "__main__":
    main()
