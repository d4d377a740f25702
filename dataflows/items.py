# SPDX-License-Identifier: Apache-2.0
"""What passes between the steps of the flow."""

from collections.abc import Sequence

from msgspec import Struct

from schemas.events import Event, StockBlock

__all__ = ["SlotBatch", "slot_key"]


class SlotBatch(Struct, frozen=True, gc=False):
    """The events of one slot in one batch of records, in their order.

    Attributes:
        slot: number of the slot; Bytewax does not tell a step its key.
        events: may be empty when the batch opens an epoch. Many plain figures in a row are one
            block.
        opens_epoch: the first batch of an epoch: all that was snapshotted before is durable.
        arrivals: when each of the events arrived, in epoch milliseconds; only for a slot that
            reads its history again, whose events come without blocks.
    """

    slot: int
    events: Sequence[Event | StockBlock]
    opens_epoch: bool
    arrivals: Sequence[int] = ()


def slot_key(slot: int) -> str:
    """The key of a slot's state. Part of the durable format: never change it."""
    return f"slot-{slot:04d}"
