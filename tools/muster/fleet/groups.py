"""Groups: created, looked up, given a new secret."""

import difflib

from muster.enrolment import secrets
from muster.errors import MusterError
from muster.fleet import names
from muster.registry import Registry
from muster.registry.fleet import Group


def existing(registry: Registry, name: str) -> Group:
    """The group of this name. Raises MusterError, with the nearest name, when there is none."""
    group = registry.groups.get(names.check(name, "group"))
    if group is None:
        near = difflib.get_close_matches(name, [other.name for other, _ in registry.groups.all()], 1)
        hint = f"did you mean {near[0]!r}?" if near else f"create it with `muster add group {name}`"
        raise MusterError(f"there is no group {name!r}: {hint} (list them with `muster get groups`)")
    return group


def add(registry: Registry, vault: secrets.Vault, name: str, now_s: float) -> str | None:
    """Add a group; its provisioning secret, or None when it exists already (it stays as it is)."""
    secret = secrets.new_secret()
    group = Group(names.check(name, "group"), vault.lock(secret), now_s, now_s)
    return secret if registry.groups.add(group) else None


def refresh_secret(registry: Registry, vault: secrets.Vault, name: str, now_s: float) -> str:
    """Give a group a new provisioning secret, and return it; the old one no longer counts.

    Provisioned devices stay provisioned. Raises MusterError when there is no such group.
    """
    existing(registry, name)
    secret = secrets.new_secret()
    registry.groups.set_secret(name, vault.lock(secret), now_s)
    return secret
