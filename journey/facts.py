# SPDX-License-Identifier: Apache-2.0
"""What is looked up of a person and a variant right before a send."""

from dataclasses import dataclass

__all__ = ["Facts"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at the moment of a send; times in epoch milliseconds.

    Attributes:
        signed_off_at: the latest sign-off of the variant by any identifier of the person; None:
            there is none.
        ordered_at: the latest order, not cancelled, of the variant or its product by any
            identifier of the person; None: there is none.
        offered: whether the variant is offered now; None: nothing is known of it, which counts as
            offered.
        told_at: when the person was last sent a message for another notification; None: never.
    """

    signed_off_at: int | None = None
    ordered_at: int | None = None
    offered: bool | None = None
    told_at: int | None = None
