# SPDX-License-Identifier: Apache-2.0
"""The door by which people leave: the links in our mails.

`GET /unsubscribe/TOKEN` shows a page and changes nothing, because programs that look for viruses
follow links. `POST` takes them off the lists: from the page's button, or from a mail program as
RFC 8058 has it (`List-Unsubscribe=One-Click`), without a login, a cookie or being sent elsewhere.
The address says all there is to say, so a body is not looked at. Repeating it does no harm.

There is no way back from the page: whoever holds a link that was passed on could sign others up.
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from connectors.errors import NotAcknowledged
from connectors.unsubscribe import BadToken, SignOff, UnsubscribeTokens
from gateway.bodies import read_body
from gateway.entrance import Entrance
from gateway.pages import Page, page_headers, render
from gateway.problems import Problem
from gateway.routes import BareRoute, error_answer
from gateway.settings import GatewaySettings
from gateway.signups import SignsOff

__all__ = ["router"]

_LOG: Final = logging.getLogger(__name__)
_DOOR: Final = "unsubscribe"
_RETRY_AFTER_SECONDS: Final = 5


def router(desk: SignsOff, entrance: Entrance, settings: GatewaySettings) -> APIRouter:
    """Make the routes.

    Args:
        desk: signs people off.
        entrance: says how often an address may come.
        settings: the secrets with which the links were made.
    """
    routes = APIRouter(route_class=BareRoute, tags=["Sign-offs"])
    secrets = [secret.get_secret_value() for secret in settings.unsubscribe_secrets]
    tokens = [UnsubscribeTokens(secret) for secret in secrets]
    if not tokens:
        _LOG.warning(
            "gateway.unsubscribe_secrets is empty: unsubscribe links are answered with 404; give "
            "the unsubscribe_secret of [sinks.NAME]"
        )

    async def show(request: Request) -> Response:
        """Show what somebody would no longer hear of; nothing is changed."""
        headers = entrance.anyone(request)
        sign_off = _read(tokens, request.path_params["token"])
        if sign_off is None:
            return _unknown(request, headers)
        return _page(request, Page.ASK, HTTPStatus.OK, headers, sign_off)

    async def leave(request: Request) -> Response:
        """Take somebody off the lists (RFC 8058)."""
        headers = entrance.anyone(request)
        await read_body(request, settings.body_limit)
        sign_off = _read(tokens, request.path_params["token"])
        if sign_off is None:
            return _unknown(request, headers)
        try:
            await desk.sign_off(_DOOR, sign_off.variant_ids, sign_off.profile)
        except NotAcknowledged:
            if not _is_person(request):
                raise
            later = {**headers, "Retry-After": str(_RETRY_AFTER_SECONDS)}
            return _page(request, Page.LATER, HTTPStatus.SERVICE_UNAVAILABLE, later, sign_off)
        if _is_person(request):
            return _page(request, Page.DONE, HTTPStatus.OK, headers, sign_off)
        return PlainTextResponse("You are unsubscribed.\n", headers={**headers, **page_headers()})

    for method, endpoint in (("GET", show), ("POST", leave)):
        routes.add_api_route(
            "/unsubscribe/{token}",
            endpoint,
            methods=[method],
            response_class=Response,
            openapi_extra=_openapi(method),
        )
    return routes


def _read(tokens: Sequence[UnsubscribeTokens], token: str) -> SignOff | None:
    for each in tokens:
        try:
            return each.open(token)
        except BadToken:
            continue
    return None


def _unknown(request: Request, headers: Mapping[str, str]) -> Response:
    """Answer the same to whatever is wrong with a token."""
    if _is_person(request):
        return _page(request, Page.UNKNOWN, HTTPStatus.NOT_FOUND, headers, None)
    raise Problem(
        HTTPStatus.NOT_FOUND,
        "not_found",
        "Not found.",
        "This unsubscribe link is not one of ours, or not whole.",
        headers=headers,
    )


def _page(
    request: Request,
    page: Page,
    status: HTTPStatus,
    headers: Mapping[str, str],
    sign_off: SignOff | None,
) -> Response:
    body, language = render(page, request.headers.get("accept-language", ""), sign_off)
    own = {"Content-Language": language, "Vary": "Accept, Accept-Language"}
    return Response(
        body, status, headers={**headers, **page_headers(), **own}, media_type="text/html"
    )


def _is_person(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _openapi(method: str) -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    refused = [HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS]
    described: dict[str, Any] = {
        "operationId": "show_unsubscribe" if method == "GET" else "unsubscribe",
        "summary": "Show what would be left" if method == "GET" else "Leave (RFC 8058)",
        "security": [],
        "parameters": [
            {"name": "token", "in": "path", "required": True, "schema": {"type": "string"}}
        ],
    }
    if method == "POST":
        form = {
            "schema": {
                "type": "object",
                "properties": {"List-Unsubscribe": {"const": "One-Click"}},
            }
        }
        described["requestBody"] = {
            "content": {"application/x-www-form-urlencoded": form, "multipart/form-data": form}
        }
        refused += [
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.REQUEST_TIMEOUT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ]
    answers: dict[str, Any] = {
        "200": {"description": "Done", "content": {"text/html": text, "text/plain": text}}
    }
    for status in refused:
        answer = error_answer(status)
        answers[str(int(status))] = {**answer, "content": {**answer["content"], "text/html": text}}
    answers["404"]["description"] = "The link is not one of ours, or not whole"
    return {**described, "responses": answers}
