"""The builder for boards: a board registers itself, asks whether somebody has claimed it, and is released.

A board says of which product it is by the token in its device.json, and proves who it is by its registration
key.
"""

import json
import re
from typing import TYPE_CHECKING, Any

from aiohttp import web

from device.core import fields
from muster.twin import claiming
from muster.twin.https import codes
from muster.twin.https.server import RefusedError

if TYPE_CHECKING:
    from muster.twin.server import Twin

PREFIX = "/api"  # the builder's address in config.json ends with it
_KEY = re.compile("[0-9a-f]{32}")
_BEARER = "Bearer "


def routes(twin: "Twin") -> list[web.RouteDef]:
    """The requests of boards."""
    builder = _Builder(twin)
    return [
        web.post(PREFIX + fields.TO_REGISTER, builder.register),
        web.post(PREFIX + fields.TO_CLAIM, builder.claim),
        web.post(PREFIX + fields.TO_RELEASE, builder.release),
    ]


class _Builder:
    def __init__(self, twin: "Twin") -> None:
        self._twin = twin
        self._registry = twin.registry
        self._claiming = twin.claiming

    async def register(self, request: web.Request) -> web.Response:
        """POST device/register."""
        product = self._product(request)
        claim_id, key = await _board(request)
        try:
            await self._registry.patiently(lambda: self._claiming.register(claim_id, product, key))
        except claiming.WrongKeyError:
            raise RefusedError(
                409, "this claim ID is registered with another registration key", is_guess=True
            ) from None
        return web.json_response({fields.REGISTERED: True})

    async def claim(self, request: web.Request) -> web.Response:
        """POST device/claim."""
        self._product(request)
        claim_id, key = await _board(request)
        try:
            handed = await self._registry.patiently(lambda: self._claiming.poll(claim_id, key))
        except (claiming.UnknownBoardError, claiming.WrongKeyError) as error:
            raise _unknown(error) from None
        twin, settings = self._twin, self._twin.settings
        if handed is None:
            answer: dict[str, Any] = {fields.CLAIMED: False}
            if settings.claim_delay_s is not None:
                answer[fields.DELAY] = settings.claim_delay_s
        else:
            root = twin.home.ca_pem.read_text()
            answer = claiming.answer(handed, root, settings.host, twin.port, settings.template)
        return web.json_response(answer)

    async def release(self, request: web.Request) -> web.Response:
        """POST device/release."""
        self._product(request)
        claim_id, key = await _board(request)
        try:
            await self._registry.patiently(lambda: self._claiming.release(claim_id, key))
        except (claiming.UnknownBoardError, claiming.WrongKeyError) as error:
            raise _unknown(error) from None
        return web.json_response({fields.RELEASED: True})

    def _product(self, request: web.Request) -> str:
        """The product whose token the request carries; raises RefusedError."""
        header = request.headers.get("Authorization", "")
        if header.startswith(_BEARER):
            product = self._registry.products.of_token(header[len(_BEARER) :].strip())
            if product is not None:
                return product
        raise RefusedError(401, "no product has this token", is_guess=True)


async def _board(request: web.Request) -> tuple[str, str]:
    """(claim ID, registration key) in the body; raises RefusedError."""
    try:
        document = json.loads(await request.read())
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise RefusedError(400, "the body is not a JSON object")
    claim, key = document.get(fields.CLAIM), document.get(fields.REGISTRATION_KEY)
    try:
        claim_id = codes.parse(claim if isinstance(claim, str) else "")
    except codes.CodeError:
        raise RefusedError(400, f'"{fields.CLAIM}" is not a claim ID') from None
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise RefusedError(400, f'"{fields.REGISTRATION_KEY}" must be 32 hexadecimal digits')
    return claim_id, key


def _unknown(error: Exception) -> RefusedError:
    if isinstance(error, claiming.WrongKeyError):
        return RefusedError(403, "the registration key is not that of this board", is_guess=True)
    return RefusedError(404, "this board is not registered", is_guess=True)
