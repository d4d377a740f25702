# SPDX-License-Identifier: Apache-2.0
"""Routes of sign-ups: as cheap as a bare Starlette route, and still in the OpenAPI document."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from gateway.problems import JSON_API, Problem

__all__ = ["ERRORS", "BareRoute", "Handler", "add_post", "error_answer", "inline_schema"]

Handler = Callable[[Request], Awaitable[Response]]

_RETRY_AFTER_SECONDS: Final = 5
_TEXT: Final[dict[str, Any]] = {"type": "string"}

ERRORS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["errors"],
    "properties": {
        "errors": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["id", "status", "code", "title", "detail"],
                "properties": {
                    "id": _TEXT,
                    "status": {"type": "integer"},
                    "code": _TEXT,
                    "title": _TEXT,
                    "detail": _TEXT,
                    "source": {
                        "type": "object",
                        "properties": {"pointer": _TEXT, "parameter": _TEXT},
                    },
                    "meta": {"type": "object"},
                },
            },
        }
    },
}
"""The schema of errors in the JSON:API form."""

_DESCRIPTIONS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: "Something in the request is wrong",
    HTTPStatus.UNAUTHORIZED: "The key is missing or unknown",
    HTTPStatus.NOT_FOUND: "The catalogue has no such variant",
    HTTPStatus.REQUEST_TIMEOUT: "The body took too long",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not said to be JSON",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests: see Retry-After",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not written, or not known to be: see Retry-After",
}


class BareRoute(APIRoute):
    """A route whose handler takes the bare request and answers by itself.

    FastAPI would look for dependencies, a body and a response model where there are none, which
    takes as long as all else that is done for a sign-up.
    """

    @override
    def get_route_handler(self) -> Callable[[Request], Any]:
        return self.endpoint

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        try:
            response = await self.endpoint(Request(scope, receive, send))
        except asyncio.CancelledError:
            # By the server alone, whose patience is over as it stops.
            raise _stopping() from None
        await response(scope, receive, send)


def _stopping() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "The service is unavailable.",
        "The service is being stopped. Try again.",
        headers={"Retry-After": str(_RETRY_AFTER_SECONDS), "Connection": "close"},
    )


def add_post(
    router: APIRouter,
    paths: tuple[str, ...],
    handler: Handler,
    *,
    answers: Mapping[HTTPStatus, Mapping[str, Any]],
    documents: Mapping[str, Any],
) -> None:
    """Answer POST at some paths, with and without a slash at their end.

    Args:
        router: of which they become part.
        paths: the first one is in the OpenAPI document.
        handler: what answers.
        answers: by status, each an OpenAPI response; the first is that of success.
        documents: what else the OpenAPI operation has: `summary`, `operationId`, `requestBody` ...
    """
    success = next(iter(answers))
    for path in paths:
        for form in (path, path + "/"):
            router.add_api_route(
                form,
                handler,
                methods=["POST"],
                status_code=success,
                response_class=Response,
                responses={int(status): dict(answer) for status, answer in answers.items()},
                openapi_extra=dict(documents),
                include_in_schema=form == paths[0],
            )


def error_answer(
    status: HTTPStatus, schema: Mapping[str, Any] = ERRORS, media_type: str = JSON_API
) -> dict[str, Any]:
    """Describe an answer that says what went wrong."""
    return {
        "description": _DESCRIPTIONS[status],
        "content": {media_type: {"schema": dict(schema)}},
    }


def inline_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON Schema without references, nor what only readers of the source look for.

    What it describes must not contain itself.
    """
    definitions = schema.get("$defs", {})

    def resolve(node: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(node, list):
            return [resolve(item) for item in node]
        if not isinstance(node, dict):
            return node
        name = node.get("$ref", "").rpartition("/")[2]
        if name:
            return resolve(definitions[name])
        return {
            key: value.partition("\n\n")[0] if key == "description" else resolve(value)
            for key, value in node.items()
            if key != "$defs" and not (key == "title" and isinstance(value, str))
        }

    resolved: dict[str, Any] = resolve(dict(schema))
    return resolved
