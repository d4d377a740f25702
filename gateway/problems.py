# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with a request, in the JSON:API form in which Klaviyo says it.

Codes, titles and pointers are those of Klaviyo's API reference, "Rate limits, status codes, and
errors", and of its guide to back-in-stock subscriptions, as programs that call it expect them.
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

import orjson
from starlette.responses import Response

__all__ = ["JSON_API", "Problem", "answer_problem", "invalid"]

JSON_API: Final = "application/vnd.api+json"
"""The media type of requests and answers."""

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Problem(Exception):  # noqa: N818 - it becomes an answer
    """A request is answered with an error.

    Args:
        status: of the answer.
        code: what programs tell it by, such as "invalid".
        title: the same for every problem of this code.
        detail: what is wrong with this request; never a secret.
        pointer: JSON Pointer to what is wrong in the body, or None.
        parameter: name of the query parameter or header that is wrong, or None.
        headers: of the answer.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        title: str,
        detail: str,
        *,
        pointer: str | None = None,
        parameter: str | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.pointer = pointer
        self.parameter = parameter
        self.headers = headers


def invalid(detail: str, pointer: str | None = None, *, parameter: str | None = None) -> Problem:
    """Make the problem of input that cannot be taken: 400, code "invalid"."""
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "invalid",
        "Invalid input.",
        detail,
        pointer=pointer,
        parameter=parameter,
    )


def answer_problem(problem: Problem, identity: str) -> Response:
    """Write a problem as an answer.

    Args:
        problem: what is wrong.
        identity: of this very occurrence, for whoever asks about it.
    """
    error: dict[str, object] = {
        "id": identity,
        "status": int(problem.status),
        "code": problem.code,
        "title": problem.title,
        "detail": problem.detail,
        "meta": {},
    }
    if problem.pointer is not None:
        error["source"] = {"pointer": problem.pointer}
    elif problem.parameter is not None:
        error["source"] = {"parameter": problem.parameter}
    return Response(
        orjson.dumps({"errors": [error]}),
        problem.status,
        headers=dict(problem.headers),
        media_type=JSON_API,
    )
