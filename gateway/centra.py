# SPDX-License-Identifier: Apache-2.0
"""Centra's door: `/api/checkout-api/back-in-stock-subscription`.

By Centra's "Back in stock feature using Klaviyo" and the introduction to its Checkout API. Centra
serves each API under a path of the shop's own choosing, `/api/<path>/` or `/api/<path>/<number>/`,
so whatever stands there is taken: the Shop API's call is the same.

Variants carry the market in their id, as in Centra's catalogue at Klaviyo, which is a custom one:
item `12366-23400` shipped to Sweden is `$custom:::$default:::12366_SE_00_23400`.

Who gets in is as it is there. A browser brings no key, and must come from one of the gateway's
`origins`; it gets in only where there are `company_ids`, as at every door for browsers. A server
brings one of the `private_keys`, as `Authorization: Bearer KEY`, and is counted by it.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from connectors.sinks.content import Person
from gateway.bodies import read_body
from gateway.centra_bodies import CentraSubscription
from gateway.contact import read_email_address
from gateway.entrance import Entrance
from gateway.problems import Problem
from gateway.routes import BareRoute, add_post, error_answer, inline_schema
from gateway.settings import GatewaySettings
from gateway.signups import SignUp, SignUpDesk, UnknownVariant

__all__ = ["router"]

_DOOR: Final = "centra"
_JSON: Final = "application/json"
_BEARER: Final = "bearer "
_SESSIONLESS: Final = "none"
_LONGEST_SESSION: Final = 128


def router(desk: SignUpDesk, entrance: Entrance, settings: GatewaySettings) -> APIRouter:
    """Make the routes of the call."""
    door = _Door(desk, entrance, settings)
    routes = APIRouter(route_class=BareRoute, tags=["Sign-ups, Centra"])
    paths = (
        "/api/checkout-api/back-in-stock-subscription",
        "/api/{path}/back-in-stock-subscription",
        "/api/{path}/{number}/back-in-stock-subscription",
    )
    add_post(routes, paths, door.subscribe, answers=_ANSWERS, documents=_documents())
    return routes


class _Door:
    def __init__(self, desk: SignUpDesk, entrance: Entrance, settings: GatewaySettings) -> None:
        self._desk = desk
        self._entrance = entrance
        self._limit = settings.body_limit
        self._is_open = bool(settings.company_ids)
        self._origins = None if "*" in settings.origins else frozenset(settings.origins)

    async def subscribe(self, request: Request) -> Response:
        headers = self._let_in(request)
        if headers is None:
            return _wrong(
                HTTPStatus.UNAUTHORIZED,
                {"authorization": "unauthorized"},
                {"WWW-Authenticate": "Bearer"},
            )
        body = await read_body(request, self._limit)
        try:
            subscription = CentraSubscription.model_validate_json(body)
        except ValidationError as error:
            return _wrong(HTTPStatus.BAD_REQUEST, _faults_of(error), headers)
        email = read_email_address(subscription.email)
        if email is None:
            return _wrong(HTTPStatus.BAD_REQUEST, {"email": "invalid email address"}, headers)
        try:
            await self._desk.take(_sign_up(subscription, email))
        except UnknownVariant:
            return _wrong(HTTPStatus.NOT_FOUND, {"item": "product item not found"}, headers)
        return _answer(HTTPStatus.OK, _session(request), headers)

    def _let_in(self, request: Request) -> dict[str, str] | None:
        given = request.headers
        secret = given.get("authorization") or given.get("api-authorization", "")
        if secret[: len(_BEARER)].lower() == _BEARER:
            return self._let_server_in(request, secret[len(_BEARER) :])
        headers = self._entrance.anyone(request)
        if not self._is_open or not self._comes_from_us(given.get("origin")):
            return None
        return headers

    def _let_server_in(self, request: Request, secret: str) -> dict[str, str] | None:
        authorization = b"Klaviyo-API-Key " + secret.encode("latin-1")
        scope = {**request.scope, "headers": [(b"authorization", authorization)]}
        try:
            return self._entrance.server(Request(scope))
        except Problem as problem:
            if problem.status != HTTPStatus.UNAUTHORIZED:
                raise
            return None

    def _comes_from_us(self, origin: str | None) -> bool:
        return self._origins is None or origin in self._origins


def _sign_up(subscription: CentraSubscription, email: str) -> SignUp:
    return SignUp(
        _DOOR,
        subscription.variant_id(),
        Person(email=email),
        locale=subscription.language or None,
        market=subscription.ship_to.market(),
    )


def _session(request: Request) -> dict[str, str]:
    """Say which session this is, as each of Centra's answers does: pages keep what it says."""
    token = request.headers.get("api-token", _SESSIONLESS)
    return {} if token == _SESSIONLESS or len(token) > _LONGEST_SESSION else {"token": token}


def _faults_of(error: ValidationError) -> dict[str, str]:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(step) for step in first["loc"])
    return {place or "body": first["msg"]}


def _wrong(status: HTTPStatus, faults: Mapping[str, str], headers: dict[str, str]) -> Response:
    return _answer(status, {"errors": dict(faults)}, headers)


def _answer(status: HTTPStatus, content: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(content), status, headers=headers, media_type=_JSON)


_FAULTS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["errors"],
    "properties": {
        "errors": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}
    },
}
_TAKEN: Final[dict[str, Any]] = {"type": "object", "properties": {"token": {"type": "string"}}}

_ANSWERS: Final[Mapping[HTTPStatus, Mapping[str, Any]]] = {
    HTTPStatus.OK: {
        "description": "Taken: Kafka has it",
        "content": {_JSON: {"schema": _TAKEN}},
    },
    **{
        status: error_answer(status, _FAULTS, _JSON)
        for status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND)
    },
    **{
        status: error_answer(status)
        for status in (
            HTTPStatus.REQUEST_TIMEOUT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.TOO_MANY_REQUESTS,
            HTTPStatus.SERVICE_UNAVAILABLE,
        )
    },
}


def _documents() -> dict[str, Any]:
    return {
        "operationId": "centra_back_in_stock_subscription",
        "summary": "Sign somebody up by Centra's Checkout API",
        "security": [{}, {"Bearer": []}],
        "requestBody": {
            "required": True,
            "content": {_JSON: {"schema": inline_schema(CentraSubscription.model_json_schema())}},
        },
    }
