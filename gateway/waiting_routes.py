# SPDX-License-Identifier: Apache-2.0
"""The doors to what Klaviyo never offered: who waits for what, which place they have, to cancel it.

`GET /api/back-in-stock-subscriptions?filter[email]=...` lists what a person waits for, `GET` and
`DELETE` of `/api/back-in-stock-subscriptions/ID` look one of them up and cancel it. For servers
only: they say who waits. The answers are JSON:API documents.

A sign-up that is cancelled is not found as soon as the list knows of it: `DELETE` then answers 404.
Both say that nobody waits by it any more.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import quote

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.entrance import Entrance
from gateway.problems import JSON_API, Problem
from gateway.routes import BareRoute
from gateway.signups import SignsOff
from gateway.waiting_asking import check_id, next_page, read_cursor, read_filter, read_size
from gateway.waiting_documents import OPENAPI, resource
from gateway.waiting_queries import ListUnreadable, Waiting
from schemas.timestamps import format_timestamp

__all__ = ["Asked", "router"]

_PATH: Final = "/api/back-in-stock-subscriptions"
_RETRY_AFTER_SECONDS: Final = 5
_DOOR: Final = "cancel"
_NOT_STORED: Final = {"Cache-Control": "no-store"}


class Asked(Protocol):
    """Knows who waits, see `gateway.waiting.WaitingList`."""

    @property
    def is_ready(self) -> bool:
        """Whether it has caught up with the topics."""
        ...

    @property
    def as_of(self) -> int | None:
        """All that Kafka had by then is known."""
        ...

    async def find(self, identity: str) -> Waiting | None:
        """Look somebody up by the id of the notification that will answer them."""
        ...

    async def of_person(
        self, identifier: str, *, after: tuple[int, str], limit: int
    ) -> list[Waiting]:
        """List what somebody waits for."""
        ...


def router(desk: SignsOff, entrance: Entrance, waiting: Asked) -> APIRouter:
    """Make the routes.

    Args:
        desk: signs people off.
        entrance: lets servers in.
        waiting: knows who waits.
    """
    routes = APIRouter(route_class=BareRoute, tags=["Who waits"])

    async def look_up(request: Request) -> Response:
        """List what a person waits for, in the order in which they asked."""
        headers = entrance.server(request)
        query = request.query_params
        identifier, size = read_filter(query), read_size(query)
        after = read_cursor(query)
        _check_ready(waiting)
        with _unreadable():
            found = await waiting.of_person(identifier, after=after, limit=size + 1)
        page, more = found[:size], len(found) > size
        following = next_page(request.url, page[-1]) if more else None
        document = {
            "data": [resource(each, _link(each)) for each in page],
            "links": {"self": str(request.url), "next": following},
            "meta": _meta(waiting),
        }
        return _answer(document, headers)

    async def look_at(request: Request) -> Response:
        """Say by which place in the queue somebody waits."""
        headers = entrance.server(request)
        found = await _found(waiting, request)
        link = _link(found)
        return _answer(
            {"data": resource(found, link), "links": {"self": link}, "meta": _meta(waiting)},
            headers,
        )

    async def cancel(request: Request) -> Response:
        """Take somebody off the list of a variant."""
        headers = entrance.server(request)
        found = await _found(waiting, request)
        await desk.sign_off(
            _DOOR, [found.variant_id], found.profile, not_before=found.subscribed_at
        )
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={**headers, **_NOT_STORED})

    one = f"{_PATH}/{{id}}"
    for path, endpoint, method, name in (
        (_PATH, look_up, "GET", "list"),
        (one, look_at, "GET", "one"),
        (one, cancel, "DELETE", "cancel"),
    ):
        for slash in ("", "/"):
            routes.add_api_route(
                path + slash,
                endpoint,
                methods=[method],
                include_in_schema=not slash,
                status_code=HTTPStatus.NO_CONTENT if method == "DELETE" else HTTPStatus.OK,
                response_class=Response,
                openapi_extra=OPENAPI[name],
            )
    return routes


async def _found(waiting: Asked, request: Request) -> Waiting:
    identity = check_id(request.path_params["id"])
    _check_ready(waiting)
    with _unreadable():
        found = await waiting.find(identity)
    if found is None:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "not_found",
            "Not found.",
            "Nobody waits by this id: they were told, signed off, or have waited too long.",
        )
    return found


def _check_ready(waiting: Asked) -> None:
    if not waiting.is_ready:
        raise _not_ready()


@contextmanager
def _unreadable() -> Iterator[None]:
    """Turn a list that has just gone into an answer."""
    try:
        yield
    except ListUnreadable:
        raise _not_ready() from None


def _not_ready() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "The service is unavailable.",
        "The list of who waits is being built. Try again.",
        headers={"Retry-After": str(_RETRY_AFTER_SECONDS)},
    )


def _meta(waiting: Asked) -> dict[str, str | None]:
    return {"as_of": None if waiting.as_of is None else format_timestamp(waiting.as_of)}


def _link(waiting: Waiting) -> str:
    return f"{_PATH}/{quote(waiting.id)}"


def _answer(document: object, headers: Mapping[str, str]) -> Response:
    return Response(orjson.dumps(document), headers={**headers, **_NOT_STORED}, media_type=JSON_API)
