"""The files of a board's image: code of its profile, configuration, claim credentials."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from device.core import fields, paths, settings, wifi_file
from device.core import web as core_web
from device.core.failures import Failure
from muster import pack
from muster.boards import OWN_PARAMETERS, STANDARD, Selection
from muster.errors import WRONG_USE, MusterError
from muster.program import frozen_files, single_files

CLAIM_FILES = (paths.ROOT_CA, paths.CERTIFICATE, paths.PRIVATE_KEY)


def strict_json(document: Any) -> bytes:
    """`document` as it is written to flash: strict JSON, no spaces, keys in their order.

    UTF-8 as it is: MicroPython does not join the halves of an escaped emoji.
    """
    return json.dumps(document, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()


def read_json(path: Path, what: str) -> dict[str, Any]:
    """The JSON object in a file of the host. Raises MusterError naming file and line of a mistake."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MusterError(f"{what} {path} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        where = (
            f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "not UTF-8"
        )
        raise MusterError(
            f"{what} {path} is not JSON ({where}). Correct it and run the command again."
        ) from None
    if not isinstance(document, dict):
        raise MusterError(f"{what} {path} must hold a JSON object ({{...}}).")
    return document


def ento_conf(
    base: Mapping[str, Any], changes: Mapping[tuple[str, str], Any], has_builder: bool = False
) -> dict[str, Any]:
    """ento.conf from `base` with `changes` {(section, key): value or None for no change}.

    Keys of `base` that are not changed stay. A board that has no status yet starts unprovisioned. A board
    that `has_builder` is told the endpoint by it.
    Raises MusterError, in the board's own words, when the board would refuse the result.
    """
    document: dict[str, Any] = json.loads(json.dumps(base))
    document.setdefault(fields.DEVICE, {})
    for (section, key), value in changes.items():
        if value is not None:
            document.setdefault(section, {})[key] = value
    document[fields.DEVICE].setdefault(fields.PROVISION_STATUS, fields.FALSE)
    try:
        settings.read(strict_json(document), lambda: has_builder)
    except Failure as error:
        raise MusterError(f"the board would refuse this configuration: {error}") from None
    parameters = document.get(fields.PROVISIONING, {}).get(fields.PARAMETERS, {})
    if own := sorted(OWN_PARAMETERS & set(parameters)):
        raise MusterError(
            f"the board itself gives the template parameter {own[0]!r}: take it out.", WRONG_USE
        )
    return document


def read_claim(folder: Path, ca: Path | None = None) -> dict[str, bytes]:
    """The claim credentials in `folder` as {path on flash: PEM}, root CA from `ca` if given.

    Raises MusterError when one is missing or unreadable, or the key is not the certificate's.
    """
    found = {}
    for name in CLAIM_FILES:
        path = ca if ca and name == paths.ROOT_CA else folder / name
        try:
            found[name] = path.read_bytes()
        except OSError as error:
            raise MusterError(
                f"claim credentials: {path} cannot be read ({error.strerror}). A claim directory holds "
                f"{', '.join(CLAIM_FILES)}; the root CA may be given separately."
            ) from None
    _check_pair(found, folder)
    return {f"{paths.BOOTSTRAP}/{name}": data for name, data in found.items()}


def _check_pair(found: Mapping[str, bytes], folder: Path) -> None:
    try:
        x509.load_pem_x509_certificate(found[paths.ROOT_CA])
        certificate = x509.load_pem_x509_certificate(found[paths.CERTIFICATE])
        key = load_pem_private_key(found[paths.PRIVATE_KEY], None)
    except (ValueError, TypeError):
        raise MusterError(
            f"the claim credentials in {folder} are not two PEM certificates and one unencrypted PEM key. "
            "Download or create them again."
        ) from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise MusterError(
            f"in {folder} the private key is not that of the certificate: take both from one claim."
        )


def board_files(
    board_name: str,
    *,
    documents: Mapping[str, Mapping[str, Any]] | None = None,
    claim: Mapping[str, bytes] | None = None,
    extra: Mapping[str, bytes] | None = None,
    build_time: int | None = None,
    selection: Selection = STANDARD,
    frozen: bool = False,
) -> dict[str, bytes]:
    """The whole content of a board's file system, ready for `build_image`.

    `documents`: {path on flash (core/paths.py): JSON object}; `claim`: what `read_claim` returned;
    `extra`: {path on flash: content}, taken as it is and winning over the others; compiled modules of the
    program, by the paths that they would have as single files, go into the pack. `selection`: which parts of
    the program it contains; of a `frozen` one, whose modules are in the firmware, only what is beside them.
    Raises MusterError, in the board's own words, when the board would refuse the known networks or web.json.
    """
    networks = (documents or {}).get(paths.WIFI)
    if networks is not None:
        try:
            wifi_file.wifi(strict_json(networks))
        except Failure as error:
            raise MusterError(f"the board would refuse these networks: {error}") from None
    if (web := (documents or {}).get(paths.WEB)) is not None:
        try:
            core_web.read(strict_json(web), ())
        except Failure as error:
            raise MusterError(f"the board would refuse this: {error}") from None
    files = frozen_files(board_name, selection) if frozen else single_files(board_name, build_time, selection)
    files.update({path: strict_json(document) for path, document in (documents or {}).items()})
    files.update(claim or {})
    files.update(extra or {})
    packed = pack.packed(files)
    if frozen and (hidden := sorted(set(files) - set(packed)) or [paths.PACK][: paths.PACK in packed]):
        raise MusterError(
            f"{hidden[0]} would never run: the program frozen into the firmware comes first. Leave it out.",
            WRONG_USE,
        )
    return packed
