"""By which names a browser may call the board."""


def is_address(text):
    """Whether the text is an IPv4 address."""
    parts = text.split(".")
    return len(parts) == 4 and all(
        part.encode().isdigit() and len(part) < 4 and int(part) < 256 for part in parts
    )


def is_own_host(host, names):
    """Whether a browser that sends the header `Host: host` means this board.

    An address, *.local, or one of `names`: any other name may belong to a stranger who lets it point here,
    so that the browser takes the stranger's page and this one for the same site (DNS rebinding).
    """
    name, _, port = host.partition(":")
    if port and not port.isdigit():
        return False
    name = name.lower().rstrip(".")
    return is_address(name) or (name.endswith(".local") and len(name) > 6) or name in names
