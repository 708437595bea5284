"""An identity made on the host, as the files that go to /etc/entomologist/cert of a board."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from device.core import paths, slots
from muster.errors import MusterError
from muster.files import PRIVATE
from muster.files import write as write_file
from muster.fleet import names


class Place(NamedTuple):
    """Where the files of an identity go: each device has a folder of its own below `folder`.

    `host` (name or address) and `port` are what the board will connect to.
    """

    folder: Path
    host: str = "localhost"
    port: int = 8883


def write(place: Place, device: str, files: Mapping[str, bytes]) -> list[Path]:
    """Write the files, readable by the owner only, into the folder of the device; their paths.

    Raises MusterError when they cannot be written.
    """
    folder = place.folder / names.file_name(device)
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, data in files.items():
            write_file(folder / name, data, mode=PRIVATE)
            written.append(folder / name)
    except OSError as error:
        raise MusterError(
            f"the identity of {device} cannot be written to {folder} ({error.strerror}): nothing was issued; "
            "name another folder"
        ) from error
    return written


def sealed(
    place: Place,
    device: str,
    certificate_id: str,
    certificate: bytes,
    private_key: bytes,
    root_ca: bytes,
    configuration: Mapping[str, str],
) -> dict[str, bytes]:
    """{file name: content} of a whole slot; identity.json makes the board take it as its own."""
    files = {paths.ROOT_CA: root_ca, paths.CERTIFICATE: certificate, paths.PRIVATE_KEY: private_key}
    identity = slots.Identity(device, place.host, place.port, certificate_id)
    seal = slots.seal(slots.digests(files), identity, dict(configuration))
    return {**files, paths.IDENTITY: seal}
