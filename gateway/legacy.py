# SPDX-License-Identifier: Apache-2.0
"""Klaviyo's older doors: `/api/v1/catalog/subscribe` and the one for pages.

By "Enable back in stock for custom catalog feeds" and "Set up back in stock for Magento 2", v1-2.
They document three answers and no status. A form that lacks something says 400 itself; what is
refused is told by `success: false`, in an answer of status 200: pages look for it where the call
went well, and show nothing at all when it did not.

Variants are not checked, also by the documents: what the catalogue does not have, and what can be
no variant, is answered with success and dropped, and counted.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from connectors.sinks.content import Person
from gateway.bodies import read_body
from gateway.contact import read_email_address
from gateway.entrance import Entrance
from gateway.legacy_documents import ANSWERS, request_body
from gateway.legacy_forms import read_form
from gateway.problems import Problem
from gateway.routes import BareRoute, add_post
from gateway.settings import GatewaySettings
from gateway.signups import SignUp, SignUpDesk, UnknownVariant
from gateway.variants import DEFAULT_CATALOGUE, compose, fault_of

__all__ = ["router"]

_DOOR: Final = "legacy"
_JSON: Final = "application/json"
_MAGENTO: Final = "magento_two"
_LONGEST_STORE: Final = 10
_REQUIRED: Final = ("a", "email", "variant", "platform")
_INTEGRATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "api": "$custom",
        "bigcommerce": "$bigcommerce",
        _MAGENTO: "$magento_two",
        "shopify": "$shopify",
        "square": "$square",
        "wix": "$wix",
    }
)
_SAME_NUMBERS: Final[Mapping[str, str]] = MappingProxyType({})

_REFUSED: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "errors": ["There was something wrong with your request. Please try again."],
        "data": {},
        "success": False,
    }
)


def router(
    desk: SignUpDesk,
    entrance: Entrance,
    settings: GatewaySettings,
    websites: Mapping[str, str] = _SAME_NUMBERS,
) -> APIRouter:
    """Make the routes of both calls.

    Args:
        desk: where sign-ups end.
        entrance: who gets in.
        settings: of the gateway.
        websites: Magento's website for each of its stores. The call names the store alone, the id
            of a variant needs both; a store that is not here has the website of its own number,
            as it is where each website has one store.
    """
    doors = _Doors(desk, entrance, settings.body_limit, websites)
    routes = APIRouter(route_class=BareRoute, tags=["Sign-ups, older calls"])
    for path, operation_id, summary in (
        ("/api/v1/catalog/subscribe", "catalog_subscribe", "Sign somebody up by a form"),
        (
            "/onsite/components/back-in-stock/subscribe",
            "onsite_subscribe",
            "Sign somebody up by a form, from a page",
        ),
    ):
        documents = {
            "operationId": operation_id,
            "summary": summary,
            "security": [],
            "requestBody": request_body(_INTEGRATIONS),
        }
        add_post(routes, (path,), doors.subscribe, answers=ANSWERS, documents=documents)
    return routes


class _Doors:
    def __init__(
        self, desk: SignUpDesk, entrance: Entrance, limit: int, websites: Mapping[str, str]
    ) -> None:
        self._desk = desk
        self._entrance = entrance
        self._limit = limit
        self._websites = websites

    async def subscribe(self, request: Request) -> Response:
        headers = self._entrance.anyone(request)
        body = await read_body(request, self._limit)
        form = await read_form(request.headers.get("content-type", ""), body)
        is_known = self._is_known(form.get("a"), headers)
        missing = _missing(form)
        if missing:
            return _answer(HTTPStatus.BAD_REQUEST, _lacking(missing), headers)
        email = read_email_address(form["email"])
        if not is_known or email is None or not _is_platform(form):
            return _answer(HTTPStatus.OK, _REFUSED, headers)
        await self._take(email, self._variant_id(form))
        return _answer(HTTPStatus.OK, {"email": form["email"], "success": True}, headers)

    def _is_known(self, company_id: str | None, headers: dict[str, str]) -> bool:
        try:
            self._entrance.company(company_id, headers)
        except Problem as problem:
            if problem.status != HTTPStatus.BAD_REQUEST:
                raise
            return False
        return True

    def _variant_id(self, form: Mapping[str, str]) -> str:
        platform, catalogue = form["platform"], DEFAULT_CATALOGUE
        if platform == _MAGENTO:
            store = form["store"]
            catalogue = f"{self._websites.get(store, store)}-{store}"
        return compose(_INTEGRATIONS[platform], catalogue, form["variant"])

    async def _take(self, email: str, variant_id: str) -> None:
        if fault_of(variant_id) is not None:
            self._desk.counts[_DOOR, "unknown_variant"] += 1
            return
        try:
            await self._desk.take(SignUp(_DOOR, variant_id, Person(email=email)))
        except UnknownVariant:
            return  # as documented; the desk has counted it


def _missing(form: Mapping[str, str]) -> list[str]:
    required = (*_REQUIRED, "store") if form.get("platform") == _MAGENTO else _REQUIRED
    return [name for name in required if not form.get(name)]


def _is_platform(form: Mapping[str, str]) -> bool:
    platform = form["platform"]
    if platform != _MAGENTO:
        return platform in _INTEGRATIONS
    store = form["store"]
    return store.isascii() and store.isdecimal() and len(store) <= _LONGEST_STORE


def _lacking(names: list[str]) -> dict[str, Any]:
    """Say what is missing: the documented message has one, further ones follow in the same way."""
    fields = " ".join(f"* {name} * This field is required." for name in names)
    return {"status": 400, "message": f"There was something wrong with your request: {fields}"}


def _answer(status: HTTPStatus, content: Mapping[str, Any], headers: dict[str, str]) -> Response:
    # Spaces behind the colons and commas, and no letters beyond ASCII, as in the documents.
    return Response(json.dumps(dict(content)), status, headers=headers, media_type=_JSON)
