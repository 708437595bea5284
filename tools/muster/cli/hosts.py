"""Hosts on the command line: a name or an address, nothing else."""

import ipaddress
import re

import click

_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_MOST = 253


class Host(click.ParamType):
    """A host name (letters, digits, dashes, dots) or an IP address."""

    name = "host"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """See click.ParamType."""
        text = str(value)
        if not (_NAME.fullmatch(text) and len(text) <= _MOST or _is_address(text)):
            self.fail(f"{text!r} must be a host name or an IP address.", param, ctx)
        return text


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
