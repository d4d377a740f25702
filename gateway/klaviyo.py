# SPDX-License-Identifier: Apache-2.0
"""Klaviyo's doors: `/api/back-in-stock-subscriptions` and `/client/back-in-stock-subscriptions`.

By "Set up back in stock via API" and the OpenAPI files of revision 2026-07-15. A variant id that is
none is refused with 400: the caller is wrong. `variant_not_found` (404) is for a variant that could
be, but is not in the catalogue.
"""

import re
from datetime import date
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.bodies import read_body
from gateway.entrance import Entrance
from gateway.klaviyo_bodies import SubscriptionDocument
from gateway.klaviyo_signups import read_sign_up
from gateway.problems import JSON_API, Problem, invalid
from gateway.routes import BareRoute, add_post, error_answer, inline_schema
from gateway.settings import GatewaySettings
from gateway.signups import SignUpDesk, UnknownVariant

__all__ = ["router"]

_MEDIA_TYPES: Final = frozenset({JSON_API, "application/json"})
_JSON_API_TYPE: Final = JSON_API.encode()
_REVISION: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.[A-Za-z0-9.-]{1,32})?", re.ASCII)
_FIRST_REVISION: Final = date(2023, 7, 15)
"""The first that has back-in-stock subscriptions."""


def router(desk: SignUpDesk, entrance: Entrance, settings: GatewaySettings) -> APIRouter:
    """Make the routes of both doors."""
    doors = _Doors(desk, entrance, settings)
    routes = APIRouter(route_class=BareRoute, tags=["Sign-ups"])
    add_post(
        routes,
        ("/api/back-in-stock-subscriptions",),
        doors.server,
        answers=_answers(HTTPStatus.UNAUTHORIZED),
        documents=_documents(
            "create_back_in_stock_subscription",
            "Sign somebody up, from a server",
            parameters=[_REVISION_PARAMETER],
            security=[{"Klaviyo-API-Key": []}],
        ),
    )
    add_post(
        routes,
        ("/client/back-in-stock-subscriptions",),
        doors.client,
        answers=_answers(),
        documents=_documents(
            "create_client_back_in_stock_subscription",
            "Sign somebody up, from a browser",
            parameters=[_COMPANY_ID_PARAMETER, _REVISION_PARAMETER],
            security=[],
        ),
    )
    return routes


class _Doors:
    def __init__(self, desk: SignUpDesk, entrance: Entrance, settings: GatewaySettings) -> None:
        self._desk = desk
        self._entrance = entrance
        self._limit = settings.body_limit
        self._region = settings.region

    async def server(self, request: Request) -> Response:
        headers = self._entrance.server(request)
        return await self._take(request, "klaviyo_server", headers)

    async def client(self, request: Request) -> Response:
        headers = self._entrance.browser(request, request.query_params.get("company_id"))
        return await self._take(request, "klaviyo_client", headers)

    async def _take(self, request: Request, door: str, headers: dict[str, str]) -> Response:
        try:
            _check_headers(request)
            body = await read_body(request, self._limit)
            await self._desk.take(read_sign_up(body, door, self._region))
        except UnknownVariant:
            raise _not_found(headers) from None
        except Problem as problem:
            problem.headers = {**headers, **problem.headers}
            raise
        return Response(status_code=HTTPStatus.ACCEPTED, headers=headers)


def _check_headers(request: Request) -> None:
    # At once, and by C: looked up one by one they are each decoded anew.
    given = dict(request.scope["headers"])
    wrong = _wrong_header(given.get(b"revision", b""), given.get(b"content-type", _JSON_API_TYPE))
    if wrong == "revision":
        detail = (
            f"The revision header must be a revision of the API, YYYY-MM-DD[.suffix], "
            f"not before {_FIRST_REVISION}"
        )
        raise invalid(detail, parameter=wrong)
    if wrong is not None:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The media type is not supported.",
            f"The body must be {JSON_API}",
            parameter=wrong,
        )


# Of both there are few that are used.
@lru_cache(maxsize=256)
def _wrong_header(revision: bytes, content_type: bytes) -> str | None:
    """Return the name of the header that cannot be taken, or None."""
    if not _is_revision(revision.decode("latin-1")):
        return "revision"
    media_type = content_type.decode("latin-1").partition(";")[0]
    return None if media_type.strip(" \t").lower() in _MEDIA_TYPES else "content-type"


def _is_revision(revision: str) -> bool:
    """Say whether there may be such a revision.

    Which days have one is not known here, nor is it for days to come: an official client is newer
    than any list. All have had the same call.
    """
    match = _REVISION.fullmatch(revision)
    if match is None:
        return False
    try:
        return date.fromisoformat(match[1]) >= _FIRST_REVISION
    except ValueError:
        return False


def _not_found(headers: dict[str, str]) -> Problem:
    detail = "The variant in your relationship payload does not exist"
    return Problem(
        HTTPStatus.NOT_FOUND,
        "variant_not_found",
        detail,
        detail,
        pointer="/data/relationships/variant/data/id",
        headers=headers,
    )


_REVISION_PARAMETER: Final[dict[str, Any]] = {
    "name": "revision",
    "in": "header",
    "required": True,
    "description": f"Revision of the API, YYYY-MM-DD[.suffix], not before {_FIRST_REVISION}.",
    "schema": {"type": "string", "examples": ["2026-07-15"]},
}
_COMPANY_ID_PARAMETER: Final[dict[str, Any]] = {
    "name": "company_id",
    "in": "query",
    "required": True,
    "description": "A public key: one of the gateway's company_ids.",
    "schema": {"type": "string", "examples": ["PUBLIC_API_KEY"]},
}


def _answers(*further: HTTPStatus) -> dict[HTTPStatus, dict[str, Any]]:
    errors = (
        HTTPStatus.BAD_REQUEST,
        *further,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
    accepted = {HTTPStatus.ACCEPTED: {"description": "Taken: Kafka has it"}}
    return {**accepted, **{status: error_answer(status) for status in errors}}


def _documents(
    operation_id: str, summary: str, *, parameters: list[Any], security: list[Any]
) -> dict[str, Any]:
    schema = inline_schema(msgspec.json.schema(SubscriptionDocument))
    return {
        "operationId": operation_id,
        "summary": summary,
        "parameters": parameters,
        "security": security,
        "requestBody": {
            "required": True,
            "content": {media_type: {"schema": schema} for media_type in sorted(_MEDIA_TYPES)},
        },
    }
