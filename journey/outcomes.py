# SPDX-License-Identifier: Apache-2.0
"""What became of a step by a channel."""

from dataclasses import dataclass
from typing import Final, Literal

from journey.reasons import Reason
from schemas.fields import Channel

__all__ = ["FAILED", "SENT", "Outcome", "Settled", "suppressed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended by a channel.

    Attributes:
        kind: as in `schemas.records.Delivery`.
        reason: why it was suppressed; None of the other kinds.
    """

    kind: Literal["sent", "suppressed", "failed"]
    reason: Reason | None = None


SENT: Final = Outcome("sent")
"""The receiver has the message."""

FAILED: Final = Outcome("failed")
"""The message is given up."""


def suppressed(reason: Reason) -> Outcome:
    """Return the outcome of a message that was not to be sent."""
    return Outcome("suppressed", reason)


@dataclass(frozen=True, slots=True)
class Settled:
    """A channel of a step that is done with.

    Attributes:
        step: name of the step.
        channel: the channel.
        outcome: what became of it.
    """

    step: str
    channel: Channel
    outcome: Outcome
