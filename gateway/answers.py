# SPDX-License-Identifier: Apache-2.0
"""What goes wrong becomes an answer in one form, whoever notices it."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from connectors.errors import NotAcknowledged
from gateway.problems import Problem, answer_problem

__all__ = ["problem_handlers"]

_LOG: Final = logging.getLogger(__name__)
_RETRY_AFTER_SECONDS: Final = 5
_CODES: Final = {
    HTTPStatus.NOT_FOUND: ("not_found", "Not found."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method_not_allowed", "Method not allowed."),
}


def problem_handlers(
    new_id: Callable[[], str],
) -> dict[type[Exception], Callable[[Request, Exception], Response]]:
    """What an app is to do when a door raises something.

    Args:
        new_id: names each occurrence.
    """

    def problem(_request: Request, error: Exception) -> Response:
        found = error if isinstance(error, Problem) else _problem_of(error)
        return answer_problem(found, new_id())

    return dict.fromkeys((Problem, NotAcknowledged, HTTPException, Exception), problem)


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, NotAcknowledged):
        return Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "unavailable",
            "The service is unavailable.",
            "Nothing can be written for now. Try again.",
            headers={"Retry-After": str(_RETRY_AFTER_SECONDS)},
        )
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        code, title = _CODES.get(status, ("error", status.phrase))
        return Problem(status, code, title, title, headers=error.headers or {})
    _LOG.error("a request failed: this is a bug", exc_info=error)
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "error",
        "A server error occurred.",
        "The request could not be answered; it is in the log.",
    )
