# SPDX-License-Identifier: Apache-2.0
"""Why a message is not sent."""

from enum import StrEnum
from typing import Final

__all__ = ["CONDITIONS", "Reason"]


class Reason(StrEnum):
    """Why a message is suppressed: a stable, small set that records and metrics may carry."""

    ORDERED = "ordered"
    """The person has ordered the variant, or its product, since signing up."""
    SOLD_OUT = "sold_out"
    """The variant is not offered any more."""
    RECENTLY_TOLD = "recently_told"
    """The person was sent a message about another notification a short while ago."""
    UNSUBSCRIBED = "unsubscribed"
    """The person has signed off since signing up."""
    NO_CONSENT = "no_consent"
    """The channel needs a consent that was not given."""
    NO_ADDRESS = "no_address"
    """The person has no address that the channel could use."""
    NO_CHANNEL = "no_channel"
    """The first step does not go by the channel, or no sink serves it."""
    EXPIRED = "expired"
    """The message is too late, or belongs to a step that the plan no longer has."""


CONDITIONS: Final = frozenset({Reason.ORDERED, Reason.SOLD_OUT, Reason.RECENTLY_TOLD})
"""The reasons that a step may choose not to look at."""
