"""`muster add product` and `muster add account`: who may use the twin's builder."""

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from muster.cli import options, output
from muster.errors import WRONG_USE, MusterError
from muster.fleet import names
from muster.registry import Registry
from muster.twin.https import passwords

_TOKEN_BYTES = 24
_F = TypeVar("_F", bound=Callable[..., Any])


def _named(what: str) -> Callable[[_F], _F]:
    return click.argument(
        "name",
        metavar="NAME",
        callback=lambda _, __, value: names.check(value, what),
        help=f"Name of the {what}: {names.rule(what)}.",
    )


@click.command()
@_named("product")
@options.home_option
@options.dry_run_option
@output.output_option
def product(name: str, home: Path, dry_run: bool, form: str) -> None:
    """Add a product and print its token once, for the device.json of its boards.

    Boards that register themselves with the builder (muster twin run --https-port) say by this token what
    they are. The registry keeps only its digest. A product that exists already is not changed.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    with options.writing(home, dry_run) as registry:
        if dry_run:
            is_new = name not in registry.products.names()
        else:
            is_new = registry.products.add(name, token, time.time())
    if is_new and dry_run:
        output.done(form, [f'Would add product "{name}"'], {"name": name, "dryRun": True})
        return
    if is_new:
        lines = [f'Added product "{name}" successfully', f"Product Token: {token}"]
        output.done(form, lines, {"name": name, "created": True, "productToken": token})
        return
    text = (
        f'Product "{name}" exists already; nothing was changed. Its token is not shown again: if it is lost,'
        " add another product"
    )
    output.done(form, [text], {"name": name, "created": False})


@click.command()
@_named("account")
@options.home_option
@click.option(
    "--password-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the password in its only line  [default: ask for it]",
)
@click.option("--replace", is_flag=True, help="Give an account that exists a new password.")
@click.option(
    "--operator/--no-operator",
    "is_operator",
    default=None,
    help="Let it see and serve all devices, or no longer; an account that exists keeps its password.",
)
@options.dry_run_option
@output.output_option
def account(
    name: str,
    home: Path,
    password_file: Path | None,
    replace: bool,
    is_operator: bool | None,
    dry_run: bool,
    form: str,
) -> None:
    """Add an account of a person who claims boards on the twin's page (muster twin run --page-port).

    The registry keeps a hash of the password. A new password signs that person out everywhere. An operator
    also sees all devices, messages and logs of the twin, and may revoke, command and inject faults.
    """
    with options.writing(home, dry_run) as registry:
        known = registry.accounts.get(name)
    if known is not None and not replace and is_operator in (None, bool(known.is_operator)):
        text = f'Account "{name}" exists already; nothing was changed. For a new password: --replace'
        output.done(form, [text], {"name": name, "created": False})
        return
    if dry_run:
        text = f'Would {_deed(known is None, replace)} account "{name}"{_role(is_operator)}'
        output.done(form, [text], {"name": name, "dryRun": True})
        return
    hashed = passwords.hashed(_password(password_file)) if known is None or replace else None
    with options.writing(home) as registry, registry.transaction():
        is_new = _write(registry, name, hashed, is_operator)
    did = _DONE[_deed(is_new, replace)]
    text = f'{did} account "{name}"{_role(is_operator)} successfully'
    output.done(form, [text], {"name": name, "created": is_new})


_DONE = {"add": "Added", "change the password of": "Changed the password of", "change": "Changed"}


def _deed(is_new: bool, replace: bool) -> str:
    return "add" if is_new else "change the password of" if replace else "change"


def _role(is_operator: bool | None) -> str:
    if is_operator is None:
        return ""
    return " as an operator" if is_operator else ", no operator"


def _write(registry: Registry, name: str, hashed: str | None, is_operator: bool | None) -> bool:
    """Add the account or change it; whether it is new."""
    accounts = registry.accounts
    if hashed is not None and accounts.add(name, hashed, time.time(), bool(is_operator)):
        return True
    if hashed is not None:
        accounts.set_password(name, hashed)
    if is_operator is not None:
        accounts.set_operator(name, is_operator)
    return False


def _password(path: Path | None) -> str:
    """The password from the file, or from whoever sits there. Raises MusterError."""
    if path is None:
        if not options.is_interactive():
            raise MusterError("nobody can be asked for the password: use --password-file", WRONG_USE)
        return _checked(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True), "it")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise MusterError(f"--password-file {path} cannot be read ({why})") from error
    if len(lines) != 1:
        raise MusterError(f"--password-file {path} must have one line, and the password in it", WRONG_USE)
    return _checked(lines[0], f"the password in {path}")


def _checked(password: str, what: str) -> str:
    size = len(password.encode())
    if len(password) < passwords.MIN_CHARACTERS or size > passwords.MAX_BYTES or not password.isprintable():
        raise MusterError(
            f"{what} must have at least {passwords.MIN_CHARACTERS} characters, at most {passwords.MAX_BYTES}"
            " bytes, and no control characters: choose another password",
            WRONG_USE,
        )
    return password
