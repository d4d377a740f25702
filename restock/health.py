# SPDX-License-Identifier: Apache-2.0
"""Whether the program is alive and ready, and if not, why: one line for each reason.

Alive is what the watchdog says. Ready means that a figure produced now leads to notifications
without delay. docs/operations.md says what to do about each reason.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from restock.kafka_probe import KafkaProbe
from restock.settings import Settings
from restock.vitals import Vitals
from restock.watchdog import Watchdog

__all__ = ["CHECKS", "Check", "Health"]

CHECKS = ("flow", "slots", "lease", "durable", "kafka", "input", "journals", "sinks")
"""The names of the checks, in their order."""

_EPOCHS_LATE = 3
_SECONDS_LATE = 10.0
_FAILED_COMPACTIONS = 5
_LONGEST_ERROR = 300


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that readiness needs.

    Attributes:
        name: one of `CHECKS`.
        reason: why it is not so; None when it is.
    """

    name: str
    reason: str | None


class Health:
    """Judges the vitals.

    Args:
        vitals: of the program.
        settings: how long things may take.
        probe: knows whether Kafka answers.
        watchdog: None: there is none, and the program always counts as alive.
        troubles: for each sink that does not send, why.
    """

    def __init__(
        self,
        vitals: Vitals,
        settings: Settings,
        probe: KafkaProbe,
        watchdog: Watchdog | None,
        troubles: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._vitals = vitals
        self._troubles = troubles
        self._probe = probe
        self._watchdog = watchdog
        epoch = settings.state.epoch_interval.total_seconds()
        self._epoch_late = _EPOCHS_LATE * epoch + _SECONDS_LATE
        self._kafka_late = settings.kafka.connect_timeout.total_seconds()

    def alive(self) -> str | None:
        """Why the program should be ended; None while it should live."""
        return None if self._watchdog is None else self._watchdog.complaint()

    def checks(self) -> list[Check]:
        """Each thing that readiness needs, with what is wrong with it."""
        found = (
            self._flow(),
            self._slots(),
            self._lease(),
            self._durable(),
            self._kafka(),
            self._input(),
            self._journals(),
            self._sinks(),
        )
        return [Check(name, reason) for name, reason in zip(CHECKS, found, strict=True)]

    def reasons(self) -> list[str]:
        """Why the program is not ready; none when it is."""
        return [check.reason for check in self.checks() if check.reason is not None]

    def _flow(self) -> str | None:
        if self._vitals.stopping:
            return "ending"
        phase = self._vitals.phase
        return phase if phase in {"starting", "ending"} else None

    def _slots(self) -> str | None:
        vitals = self._vitals
        opened = len(vitals.opened)
        if vitals.phase != "resuming" or opened == vitals.slots:
            return None
        return f"resuming slot {opened + 1} of {vitals.slots}"

    def _lease(self) -> str | None:
        left = self._vitals.lease_left()
        return "the lease is not held" if left is not None and left <= 0 else None

    def _durable(self) -> str | None:
        vitals = self._vitals
        if vitals.phase not in {"resuming", "running"}:
            return None
        if vitals.durable_at is None:
            return "no epoch durable yet"
        silent = vitals.clock() - vitals.durable_at
        return f"no epoch durable for {silent:.0f} s" if silent > self._epoch_late else None

    def _kafka(self) -> str | None:
        silent = self._probe.silence()
        return f"Kafka has not answered for {silent:.0f} s" if silent > self._kafka_late else None

    def _input(self) -> str | None:
        if self._vitals.caught_up or self._vitals.phase != "running":
            return None
        behind = self._probe.behind()
        if behind is None:
            return "catching up: the end of the input is not known yet"
        return f"catching up: {behind:,} records behind" if behind else None

    def _journals(self) -> str | None:
        for number, slot in sorted(self._vitals.opened.items()):
            failed = slot.journal.compactions.failed_in_a_row
            if failed >= _FAILED_COMPACTIONS:
                error = " ".join((slot.journal.last_compaction_error or "").split())
                text = error[:_LONGEST_ERROR]
                return f"compaction of slot {number} failed {failed} times: {text}"
        return None

    def _sinks(self) -> str | None:
        found = [f"sink {name}: {trouble}" for name, trouble in sorted(self._troubles().items())]
        return "; ".join(found) or None
