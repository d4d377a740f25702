# SPDX-License-Identifier: Apache-2.0
"""What an answer means, as data: one table of `Outcomes` for each connector, beside its code.

A table is written with the codes of its protocol: statuses of HTTP, replies of SMTP, errors of a
provider. What it says of a code or of an exception is made into an `Answer`.
"""

import email.utils
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connectors.sinks.contract import Answer, Resolution

__all__ = ["LONGEST_WAIT", "Outcome", "Outcomes", "retry_after"]

LONGEST_WAIT: Final = 86_400.0
"""Seconds: a receiver that asks for a longer pause is asked again after a day."""

_DETAIL_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be done after one kind of answer.

    Attributes:
        resolution: see `connectors.sinks.contract.Resolution`.
        reason: of the `Answer`; empty for a code: the table's prefix and the code.
        throttled: with RETRY: the receiver wants fewer requests.
        wait: with RETRY: seconds to wait where the receiver names none; None: no wish.
    """

    resolution: Resolution
    reason: str = ""
    throttled: bool = False
    wait: float | None = None

    def answer(self, reason: str, detail: str = "", wait: float | None = None) -> Answer:
        """Make the answer.

        Args:
            reason: taken where the outcome has none of its own.
            detail: one line for people; cut off at what an answer may hold.
            wait: seconds that the receiver asked for.
        """
        if self.resolution is Resolution.SENT:
            return _SENT
        retried = self.resolution is Resolution.RETRY
        return Answer(
            self.resolution,
            self.reason or reason,
            " ".join(detail.split())[:_DETAIL_LENGTH],
            (self.wait if wait is None else wait) if retried else None,
            throttled=self.throttled and retried,
        )


class Outcomes:
    """The table of a connector.

    A code is looked up by itself, then by the first range that holds it; an exception by its class,
    then by its base classes, the most specific first.

    Args:
        codes: by code, or by `range` of codes.
        exceptions: by class.
        default: of all that the table does not name.
        prefix: of the reasons made of codes, such as "http" for "http_503".
    """

    def __init__(
        self,
        codes: Mapping[int | range, Outcome],
        exceptions: Mapping[type[BaseException], Outcome],
        default: Outcome,
        prefix: str,
    ) -> None:
        self._exact = {code: outcome for code, outcome in codes.items() if isinstance(code, int)}
        self._ranges = [
            (code, outcome) for code, outcome in codes.items() if isinstance(code, range)
        ]
        self._exceptions = dict(exceptions)
        self._default = default
        self._prefix = prefix

    def of_code(self, code: int, detail: str = "", wait: float | None = None) -> Answer:
        """Say what a code means.

        Args:
            code: of the answer.
            detail: one line for people, without secrets and addresses.
            wait: seconds that the receiver asked for, as `retry_after` reads them.
        """
        return self._outcome(code).answer(f"{self._prefix}_{code}", detail, wait)

    def of_exception(self, error: BaseException, detail: str = "") -> Answer:
        """Say what an exception means; its text is not shown, for it may hold addresses."""
        for kind in type(error).__mro__:
            if kind in self._exceptions:
                return self._exceptions[kind].answer("error", detail)
        return self._default.answer("error", detail)

    def knows(self, code: int) -> bool:
        """Whether the table names a code, by itself or by a range."""
        return code in self._exact or any(code in codes for codes, _ in self._ranges)

    def _outcome(self, code: int) -> Outcome:
        outcome = self._exact.get(code)
        if outcome is not None:
            return outcome
        for codes, outcome in self._ranges:
            if code in codes:
                return outcome
        return self._default


def retry_after(value: str | None, now: float) -> float | None:
    """Read a `Retry-After` header (RFC 9110, section 10.2.3): seconds, or a date of HTTP.

    Args:
        value: of the header; None: there was none.
        now: seconds since the epoch.

    Returns:
        Seconds from 0 to `LONGEST_WAIT`; None where there is none that can be read.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdecimal():
        # No wish is longer than its digits say, and int() refuses absurdly many of them.
        return LONGEST_WAIT if len(text) > len(str(LONGEST_WAIT)) else min(int(text), LONGEST_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, moment - now), LONGEST_WAIT)


_SENT: Final = Answer(Resolution.SENT)
