"""Pages for people, made from the templates in pages/; values in them are escaped."""

import urllib.parse
from collections.abc import Mapping
from pathlib import Path

import jinja2
from aiohttp import web

from muster.twin.https.people.sessions import Session
from muster.twin.https.server import Handler, RefusedError

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
    " img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}

_FOLDER = Path(__file__).with_name("pages")
_FIELDS = 8  # of a form
_TITLES = {401: "Sign in first", 404: "There is no such page", 429: "Too many tries"}
_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    template: str,
    status: int = 200,
    /,
    session: Session | None = None,
    token: str = "",
    here: str = "",
    **values: object,
) -> web.Response:
    """The page of a template for whoever is signed in; `token` is that of its forms, `here` its address."""
    text = _ENVIRONMENT.get_template(template).render(session=session, token=token, here=here, **values)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def refuse(status: int, text: str) -> web.StreamResponse:
    """The page that says why a request is refused."""
    return page("refused.html", status, title=_TITLES.get(status, "That did not work"), text=text)


def see(path: str, **query: str) -> web.Response:
    """Go on at another page."""
    location = f"{path}?{urllib.parse.urlencode(query)}" if query else path
    return web.Response(status=303, headers={"Location": location})


async def form(request: web.Request) -> Mapping[str, str]:
    """The fields of a form; raises RefusedError."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise RefusedError(415, "This is not a form.")
    try:
        text = (await request.read()).decode()
        pairs = urllib.parse.parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS, errors="strict")
    except ValueError as error:
        raise RefusedError(400, "This form cannot be read.") from error
    return dict(pairs)


def file(name: str, kind: str) -> Handler:
    """A handler that answers with a file."""

    async def answer(_: web.Request) -> web.Response:
        headers = {"Cache-Control": "no-cache"}
        return web.Response(text=(_FOLDER / name).read_text(), content_type=kind, headers=headers)

    return answer
