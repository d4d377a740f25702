# SPDX-License-Identifier: Apache-2.0
"""How a table of answers is read."""

import pytest

from connectors.sinks.contract import Answer, Resolution
from connectors.sinks.outcomes import LONGEST_WAIT, Outcome, Outcomes, retry_after

RETRY = Outcome(Resolution.RETRY)
TABLE = Outcomes(
    {
        range(400, 500): Outcome(Resolution.FINAL),
        429: Outcome(Resolution.RETRY, throttled=True, wait=2.0),
        410: Outcome(Resolution.DISABLE, "gone"),
        range(200, 300): Outcome(Resolution.SENT),
        range(500, 600): RETRY,
    },
    {
        OSError: Outcome(Resolution.RETRY, "transport"),
        TimeoutError: Outcome(Resolution.RETRY, "timeout"),
    },
    default=Outcome(Resolution.FINAL),
    prefix="http",
)
NOON = 1_795_262_400.0  # 2026-11-21T12:00:00Z


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (204, Answer(Resolution.SENT)),
        (404, Answer(Resolution.FINAL, "http_404")),
        (410, Answer(Resolution.DISABLE, "gone")),
        (503, Answer(Resolution.RETRY, "http_503")),
        (101, Answer(Resolution.FINAL, "http_101")),
    ],
)
def test_a_code_counts_before_its_class(code: int, expected: Answer) -> None:
    """By itself, then by its range, then by default; the reason names it where none is given."""
    assert expected == TABLE.of_code(code)


def test_a_wish_to_wait_counts_for_retries_only() -> None:
    """The receiver's wish goes before the table's; what is not retried has none."""
    assert Answer(Resolution.RETRY, "http_429", "", 2.0, throttled=True) == TABLE.of_code(429)
    assert 7.0 == TABLE.of_code(429, wait=7.0).wait
    assert 7.0 == TABLE.of_code(503, wait=7.0).wait
    assert TABLE.of_code(404, wait=7.0).wait is None
    assert TABLE.of_code(204, "OK", wait=7.0) == Answer(Resolution.SENT)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError("after 5 s"), "timeout"),
        (ConnectionResetError(), "transport"),
        (ValueError("customer@example.com"), "error"),
    ],
)
def test_an_exception_counts_by_its_nearest_class(error: Exception, reason: str) -> None:
    """The most specific class of the table wins, and the exception's text is not shown."""
    answer = TABLE.of_exception(error)
    assert (reason, "") == (answer.reason, answer.detail)


def test_a_detail_is_one_line_of_limited_length() -> None:
    """Line breaks become blanks, and what is too long is cut off."""
    assert "a b" == TABLE.of_code(503, "a\r\n b").detail
    assert 200 == len(TABLE.of_code(503, "x" * 500).detail)


def test_it_says_which_codes_it_knows() -> None:
    """By itself or by a range; the default is no knowledge."""
    assert [True, True, False] == [TABLE.knows(code) for code in (410, 250, 101)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Sat, 21 Nov 2026 12:01:30 GMT", 90.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("99999999", LONGEST_WAIT),
        ("9" * 5000, LONGEST_WAIT),
        ("Sat, 21 Nov 2099 12:01:30 GMT", LONGEST_WAIT),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, expected: float) -> None:
    """Either form of RFC 9110, never negative, never longer than a day."""
    assert expected == retry_after(value, NOON)


@pytest.mark.parametrize("value", [None, "", "soon", "-5", "1.5", "²", "Sat, 99 Nov 2026"])
def test_a_retry_after_that_cannot_be_read_is_none(value: str | None) -> None:
    """No receiver can make the sender fail by its wishes."""
    assert retry_after(value, NOON) is None
