"""Makes suite.json from a copy of AWS's test suite for Signature Version 4.

    git clone --depth 1 https://github.com/boto/botocore
    python tests/golden/sigv4/make.py botocore/tests/unit/auth/aws4_testsuite

The suite has its requests as text. Here they are taken apart, so that no test needs a parser: README.md.
"""

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

HERE = Path(__file__).parent
ADDED = ("x-amz-date", "x-amz-security-token")  # by the signer


def headers_of(lines: list[str]) -> list[list[str]]:
    """The headers of a request; a line that begins with a space continues the one before."""
    found: list[list[str]] = []
    for line in lines:
        if line[:1] == " ":
            found[-1][1] += "\n" + line
        else:
            found.append(line.split(":", 1))
    return found


def case_of(folder: Path) -> dict[str, Any]:
    """What is in one folder of the suite."""

    def text(ending: str) -> str:
        return (folder / f"{folder.name}.{ending}").read_text(encoding="utf-8").replace("\r\n", "\n")

    head, _, body = text("req").rstrip("\n").partition("\n\n")
    first, *lines = head.split("\n")
    method, rest = first.split(" ", 1)
    path, _, query = rest.rsplit(" ", 1)[0].partition("?")
    pairs = [pair.split("=", 1) for pair in query.split("&")] if query else []
    canonical = text("creq").rstrip("\n")
    tokens = [line.split(":", 1)[1] for line in canonical.split("\n") if line.startswith(ADDED[1] + ":")]
    return {
        "name": folder.name,
        "method": method,
        "path": path,
        "query": [[unquote(part) for part in pair] for pair in pairs],
        "headers": [pair for pair in headers_of(lines) if pair[0].lower() not in ADDED],
        "body": body,
        "token": tokens[0] if tokens else None,
        "canonical": canonical,
        "toSign": text("sts").rstrip("\n"),
        "authorization": text("authz").rstrip("\n"),
    }


def main() -> None:
    """Write suite.json, one case a line."""
    folders = sorted((path.parent for path in Path(sys.argv[1]).rglob("*.req")), key=lambda path: path.name)
    cases = [json.dumps(case_of(folder), ensure_ascii=False) for folder in folders]
    (HERE / "suite.json").write_text("[\n" + ",\n".join(cases) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
