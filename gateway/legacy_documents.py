# SPDX-License-Identifier: Apache-2.0
"""What the OpenAPI document says of Klaviyo's older calls."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from gateway.routes import error_answer

__all__ = ["ANSWERS", "request_body"]

_JSON: Final = "application/json"
_FILLED: Final[dict[str, Any]] = {"type": "string", "minLength": 1}

_SUCCESS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["email", "success"],
    "properties": {"email": {"type": "string"}, "success": {"const": True}},
}
_REFUSED: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["errors", "data", "success"],
    "properties": {
        "errors": {"type": "array", "items": {"type": "string"}},
        "data": {"type": "object"},
        "success": {"const": False},
    },
}
_LACKING: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["status", "message"],
    "properties": {"status": {"const": 400}, "message": {"type": "string"}},
}

ANSWERS: Final[Mapping[HTTPStatus, Mapping[str, Any]]] = {
    HTTPStatus.OK: {
        "description": "Taken, or refused for its address, its key or its platform: see `success`",
        "content": {_JSON: {"schema": {"oneOf": [_SUCCESS, _REFUSED]}}},
    },
    HTTPStatus.BAD_REQUEST: error_answer(HTTPStatus.BAD_REQUEST, _LACKING, _JSON),
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
"""By status; success first."""


def request_body(platforms: Iterable[str]) -> dict[str, Any]:
    """Describe the form.

    Args:
        platforms: those that there are.
    """
    form = {
        "type": "object",
        "required": ["a", "email", "variant", "platform"],
        "properties": {
            "a": {**_FILLED, "description": "A public key: one of the gateway's company_ids."},
            "email": {**_FILLED, "examples": ["ada@shop.example"]},
            "variant": {**_FILLED, "description": "The shop's id.", "examples": ["64814-0004"]},
            "platform": {"type": "string", "enum": sorted(platforms)},
            "store": {
                "type": "string",
                "pattern": "^[0-9]{1,10}$",
                "description": "The number of the store; needed by magento_two alone.",
            },
        },
    }
    media_types = ("application/x-www-form-urlencoded", "multipart/form-data")
    return {"required": True, "content": {name: {"schema": form} for name in media_types}}
