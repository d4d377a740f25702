# SPDX-License-Identifier: Apache-2.0
"""How a run is stopped, and what it says before it takes a risk."""

import signal
import threading

import pytest

from restock.leaving import stopped_by_signals
from restock.running import _risk_of_beginning_anew
from restock.vitals import Vitals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_stops_and_is_told_at_once(number: signal.Signals) -> None:
    """The flow learns of it, and readiness too; the second signal ends the process."""
    stop, vitals = threading.Event(), Vitals(1)
    before = signal.getsignal(number)
    with stopped_by_signals(stop, vitals):
        assert (False, False) == (stop.is_set(), vitals.stopping)
        signal.raise_signal(number)
        assert (True, True) == (stop.is_set(), vitals.stopping)
        assert signal.SIG_DFL == signal.getsignal(number)
    assert before == signal.getsignal(number)


@pytest.mark.parametrize(
    ("resumed", "risk"),
    [(False, "nothing is remembered of who was told"), (True, "people may be told again")],
)
def test_beginning_anew_says_what_it_risks(resumed: bool, risk: str) -> None:  # noqa: FBT001 - a parameter
    """With an empty directory everybody may be told again; with an older state some."""
    text = _risk_of_beginning_anew(resumed=resumed)
    assert risk in text
    assert text.endswith("leave the flag out from the next start on")
