# SPDX-License-Identifier: Apache-2.0
"""What the answers of a provider of text messages mean, by status and by its own errors."""

from typing import Final

import msgspec

from connectors.sinks.contract import Answer, Resolution
from connectors.sinks.http import HttpResponse
from connectors.sinks.http_failures import TRANSPORT_OUTCOMES
from connectors.sinks.outcomes import Outcome, Outcomes, retry_after
from connectors.sinks.sms_content import NumberMissing, NumberUnusable, TextError

__all__ = ["PROVIDER_OUTCOMES", "SMS_OUTCOMES", "read_answer"]

_SENT: Final = Outcome(Resolution.SENT)
_RETRY: Final = Outcome(Resolution.RETRY)
_THROTTLED: Final = Outcome(Resolution.RETRY, "throttled", throttled=True, wait=1.0)
_UNAUTHORISED: Final = Outcome(Resolution.RETRY, "authentication")
_NUMBER: Final = Outcome(Resolution.FINAL, "invalid_number")

SMS_OUTCOMES: Final = Outcomes(
    {
        range(200, 300): _SENT,
        range(300, 400): Outcome(Resolution.FINAL, "redirected"),
        # Nobody is to miss their message for a token that is corrected within the hour.
        401: _UNAUTHORISED,
        403: _UNAUTHORISED,
        408: _RETRY,
        425: _RETRY,
        429: _THROTTLED,
        range(500, 600): _RETRY,
    },
    {
        **TRANSPORT_OUTCOMES,
        msgspec.MsgspecError: Outcome(Resolution.FINAL, "invalid_record"),
        TextError: Outcome(Resolution.FINAL, "template"),
        NumberMissing: Outcome(Resolution.FINAL, "no_address"),
        NumberUnusable: _NUMBER,
    },
    default=Outcome(Resolution.FINAL),
    prefix="http",
)
"""What the status of an answer means, where its body names no error of `PROVIDER_OUTCOMES`."""

PROVIDER_OUTCOMES: Final = Outcomes(
    {
        14107: _THROTTLED,  # more messages a second than the sender may
        20003: _UNAUTHORISED,
        20005: _UNAUTHORISED,  # account not active
        20429: _THROTTLED,
        21211: _NUMBER,
        21408: Outcome(Resolution.FINAL, "region_not_permitted"),
        21610: Outcome(Resolution.FINAL, "unsubscribed"),
        21611: _THROTTLED,  # the sender's queue is full
        21612: Outcome(Resolution.FINAL, "unreachable_number"),
        21614: Outcome(Resolution.FINAL, "not_a_mobile_number"),
        21617: Outcome(Resolution.FINAL, "text_too_long"),
        30001: _THROTTLED,  # queue overflow
        30002: _UNAUTHORISED,  # account suspended
        30003: Outcome(Resolution.RETRY, "handset_unreachable"),
        30005: Outcome(Resolution.FINAL, "unknown_number"),
        30006: Outcome(Resolution.FINAL, "not_a_mobile_number"),
        30007: Outcome(Resolution.FINAL, "filtered"),
    },
    {},
    default=Outcome(Resolution.FINAL),
    prefix="provider",
)
"""What the errors in an answer's body mean (https://www.twilio.com/docs/api/errors)."""


class _Report(msgspec.Struct, frozen=True, gc=False):
    """The body of an answer: an error's `code`, or a message's `status` and `error_code`."""

    code: int | None = None
    status: int | str | None = None
    error_code: int | None = None


_report = msgspec.json.Decoder(_Report).decode


def read_answer(response: HttpResponse, now: float) -> Answer:
    """Say what an answer means; an error that its body names counts for more than the status.

    Args:
        response: of the provider; its text is not shown, for it may hold a number.
        now: seconds since the epoch.
    """
    code = _error_code(response.body)
    wait = retry_after(response.headers.get("Retry-After"), now)
    if code is not None and PROVIDER_OUTCOMES.knows(code):
        detail = f"HTTP {response.status}, error {code} of the provider"
        return PROVIDER_OUTCOMES.of_code(code, detail, wait)
    return SMS_OUTCOMES.of_code(response.status, f"HTTP {response.status}", wait)


def _error_code(body: bytes) -> int | None:
    try:
        report = _report(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return report.code if report.error_code is None else report.error_code
