# SPDX-License-Identifier: Apache-2.0
"""Those who wait as JSON:API documents, and what OpenAPI says of them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from gateway.problems import JSON_API
from gateway.routes import error_answer
from gateway.waiting_queries import Waiting
from schemas.timestamps import format_timestamp

__all__ = ["OPENAPI", "resource"]

_TEXT: Final = {"type": "string"}
_TIME: Final = {"type": "string", "format": "date-time"}
_NO_TEXT: Final = {"type": ["string", "null"]}
_NO_TIME: Final = {"type": ["string", "null"], "format": "date-time"}
_META: Final = {"type": "object", "properties": {"as_of": _NO_TIME}}
_RESOURCE: Final = {
    "type": "object",
    "required": ["type", "id", "attributes", "relationships", "links"],
    "properties": {
        "type": {"const": "back-in-stock-subscription"},
        "id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "attributes": {
            "type": "object",
            "properties": {
                "channels": {"type": "array", "items": _TEXT},
                "subscribed_at": _TIME,
                "expires_at": _NO_TIME,
                "locale": _NO_TEXT,
                "market": _NO_TEXT,
                "priority": {"type": "integer", "minimum": 0, "maximum": 9},
                "position": {"type": "integer", "minimum": 1, "description": "1 is next"},
                "waiting": {"type": "integer", "minimum": 1, "description": "how many in all"},
            },
        },
        "relationships": {
            "type": "object",
            "properties": {
                "variant": {
                    "type": "object",
                    "properties": {
                        "data": {
                            "type": "object",
                            "properties": {"type": {"const": "catalog-variant"}, "id": _TEXT},
                        }
                    },
                }
            },
        },
        "links": {"type": "object", "properties": {"self": _TEXT}},
    },
}


def resource(waiting: Waiting, link: str) -> dict[str, object]:
    """Write somebody who waits as a resource object; who they are is not in it.

    Args:
        waiting: who.
        link: to it.
    """
    expires_at = waiting.expires_at
    return {
        "type": "back-in-stock-subscription",
        "id": waiting.id,
        "attributes": {
            "channels": waiting.channels,
            "subscribed_at": format_timestamp(waiting.subscribed_at),
            "expires_at": None if expires_at is None else format_timestamp(expires_at),
            "locale": waiting.locale,
            "market": waiting.market,
            "priority": waiting.priority,
            "position": waiting.position,
            "waiting": waiting.waiting,
        },
        "relationships": {
            "variant": {"data": {"type": "catalog-variant", "id": waiting.variant_id}}
        },
        "links": {"self": link},
    }


def _parameter(name: str, place: str, schema: Mapping[str, object], about: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "schema": schema,
        "description": about,
    }


def _document(about: str, data: Mapping[str, object]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["data", "links", "meta"],
        "properties": {"data": data, "links": {"type": "object"}, "meta": _META},
    }
    return {"description": about, "content": {JSON_API: {"schema": schema}}}


_REFUSALS: Final = {
    str(int(status)): error_answer(status)
    for status in (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
}
_MISSING: Final = {
    "404": {**error_answer(HTTPStatus.NOT_FOUND), "description": "Nobody waits by this id"}
}
_SECURITY: Final[list[dict[str, list[str]]]] = [{"Klaviyo-API-Key": []}]
_ID: Final = _parameter(
    "id", "path", {"type": "string"}, "Of the notification that will answer the sign-up."
)
_QUERY: Final = [
    *(
        _parameter(f"filter[{name}]", "query", _TEXT, f"The person's {what}.")
        for name, what in (
            ("email", "address"),
            ("phone_number", "phone number"),
            ("external_id", "id with the shop"),
            ("profile_id", "id"),
        )
    ),
    _parameter("filter", "query", _TEXT, 'The same as `equals(email,"kim@shop.example")`.'),
    _parameter(
        "page[size]", "query", {"type": "integer", "minimum": 1, "maximum": 100}, "20 if left out."
    ),
    _parameter("page[cursor]", "query", _TEXT, "From `links.next`."),
]

OPENAPI: Final[Mapping[str, dict[str, Any]]] = {
    "list": {
        "operationId": "get_back_in_stock_subscriptions",
        "summary": "List what a person waits for",
        "security": _SECURITY,
        "parameters": _QUERY,
        "responses": {
            "200": _document("A page.", {"type": "array", "items": _RESOURCE}),
            **_REFUSALS,
        },
    },
    "one": {
        "operationId": "get_back_in_stock_subscription",
        "summary": "Look up somebody's place in the queue",
        "security": _SECURITY,
        "parameters": [_ID],
        "responses": {"200": _document("They wait.", _RESOURCE), **_MISSING, **_REFUSALS},
    },
    "cancel": {
        "operationId": "delete_back_in_stock_subscription",
        "summary": "Take somebody off the list of a variant",
        "security": _SECURITY,
        "parameters": [_ID],
        "responses": {
            "204": {"description": "Kafka has the sign-off."},
            **_MISSING,
            **_REFUSALS,
        },
    },
}
"""For each route what it takes and answers."""
