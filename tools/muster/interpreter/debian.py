"""Debian's i386 MicroPython, unpacked privately: no root, nothing installed, the machine's apt untouched.

apt is given a configuration of its own (state, cache, sources), so the packages are checked against
Debian's signatures as always. The mirror is the machine's own, read from its apt sources.
"""

import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from muster.errors import MusterError
from muster.layout import MICROPYTHON_32

SUITE = "trixie"
PACKAGES = (
    "micropython",
    "libc6",
    "libmbedcrypto16",
    "libmbedtls21",
    "libmbedx509-7",
    "libffi8",
    "libgcc-s1",
)
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_PROCESSORS = ("x86_64", "i686")
_OPTIONAL = "Only the 32-bit heap figures need it; everything else works without."


def _uris_of(text: str, deb822: bool) -> list[str]:
    """The package addresses in one apt sources file."""
    if deb822:
        fields = re.findall(r"^URIs:[ \t]*((?:.*)(?:\n[ \t]+.*)*)", text, re.MULTILINE | re.IGNORECASE)
        return [uri for field in fields for uri in field.split()]
    return re.findall(r"^[ \t]*deb[ \t]+(?:\[[^\]]*\][ \t]+)?(\S+)", text, re.MULTILINE)


def mirror(etc: Path = Path("/etc/apt")) -> str:
    """The first Debian archive in the apt sources below `etc`. Raises MusterError when there is none."""
    files = [etc / "sources.list"]
    for pattern in ("*.list", "*.sources"):
        files += sorted((etc / "sources.list.d").glob(pattern))
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except OSError:
            continue
        for uri in _uris_of(text, file.suffix == ".sources"):
            if re.search(r"/debian(\.list)?/?$", uri):
                return uri
    raise MusterError(
        f"the machine's apt sources name no Debian archive to take MicroPython from. {_OPTIONAL}"
    )


def _machine_settings() -> str:
    """How the machine's apt reaches the network (proxies, time-outs): kept for the private one."""
    result = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, timeout=30)
    wanted = re.compile(r"^Acquire::(http|https|Retries|ForceIPv[46])\b.*;$", re.MULTILINE)
    return "\n".join(match.group(0) for match in wanted.finditer(result.stdout))


def _prepare(root: Path, uri: str) -> dict[str, str]:
    """Write the private configuration below `root`; returns the environment that makes apt use it."""
    for folder in ("state/lists/partial", "cache/archives/partial", "etc/sources.list.d", "etc/apt.conf.d"):
        (root / folder).mkdir(parents=True)
    for folder in ("etc/preferences.d", "etc/trusted.gpg.d"):
        (root / folder).mkdir(parents=True)
    (root / "status").touch()
    (root / "etc/sources.list.d/debian.sources").write_text(
        f"Types: deb\nURIs: {uri}\nSuites: {SUITE}\nComponents: main\nSigned-By: {KEYRING}\n",
        encoding="utf-8",
    )
    lines = [
        f'Dir::State "{root}/state";',
        f'Dir::State::status "{root}/status";',
        f'Dir::Cache "{root}/cache";',
        f'Dir::Etc "{root}/etc";',
        'APT::Architecture "i386";',
        'APT::Architectures { "i386"; };',
        'APT::Sandbox::User "";',
        'Acquire::Languages "none";',
        _machine_settings(),
    ]
    configuration = root / "apt.conf"
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {**os.environ, "APT_CONFIG": str(configuration), "LC_ALL": "C"}


def _run(words: list[str], folder: Path, environment: dict[str, str]) -> None:
    try:
        result = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
        )
    except subprocess.TimeoutExpired:
        raise MusterError(f"`{words[0]} {words[1]}` took longer than 300 s. {_OPTIONAL}") from None
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or [f"exit code {result.returncode}"])[-1]
        raise MusterError(f"`{' '.join(words[:2])}` failed: {reason}. {_OPTIONAL}")


def fetch(folder: Path = MICROPYTHON_32) -> Path:
    """Make sure that `folder` holds the unpacked 32-bit interpreter, and return it.

    Raises MusterError where it cannot be had (no apt, no Debian archive, no network).
    """
    if folder.exists():
        return folder
    if platform.machine() not in _PROCESSORS:
        raise MusterError(
            f"the 32-bit MicroPython is built for x86, not for this processor ({platform.machine()}). "
            f"{_OPTIONAL}"
        )
    for program in ("apt-get", "apt-config", "dpkg"):
        if shutil.which(program) is None:
            raise MusterError(
                f"the 32-bit MicroPython needs {program}, which is not on this machine. {_OPTIONAL}"
            )
    if not KEYRING.exists():
        raise MusterError(f"Debian's signing keys ({KEYRING}) are not on this machine. {_OPTIONAL}")
    uri = mirror()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="apt32-") as temporary:
        root = Path(temporary)
        environment = _prepare(root, uri)
        _run(["apt-get", "update"], root, environment)
        _run(["apt-get", "download", *PACKAGES], root, environment)
        tree = root / "tree"
        for package in sorted(root.glob("*.deb")):
            _run(["dpkg", "-x", str(package), str(tree)], root, environment)
        try:
            tree.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was quicker
                raise
    return folder
