# SPDX-License-Identifier: Apache-2.0
"""The flow from stock and sign-ups to notification records.

::

    kafka-in -> decode -> split -> waitlist -> merge -> kafka-out
                              `--- dead letters ---^

One input, one keyed step, one output. Everything between the steps is a batch, so that
the engine's cost per item does not count. The ids of the flow and of its steps are part
of the durable format: a changed id means an empty state.

``python -m bytewax.run dataflows.restock`` runs it with the settings of the program.
"""

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, TypeGuard, cast

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from connectors.kafka.records import Outgoing, RawBatch
from dataflows.decoding import Decoder
from dataflows.items import SlotBatch
from dataflows.recalling import Recall, RecallingStep
from dataflows.reporting import reporting
from dataflows.waitlist_step import StepSettings, WaitlistStep

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bytewax.operators import KeyedStream

__all__ = ["FLOW_ID", "build_flow"]

FLOW_ID = "restock"


def build_flow(
    source: Source[RawBatch],
    decoder: Decoder,
    settings: StepSettings,
    sink: Sink[tuple[str, Outgoing]],
    recall: Recall | None = None,
) -> Dataflow:
    """Wire the flow.

    Args:
        source: batches of records of the inventory and the subscriptions topic.
        decoder: see `Decoder`.
        settings: what the slots share.
        sink: writes `Outgoing` items of any topic.
        recall: what is known of a lost state whose history is to be read; None: nothing is lost.
    """
    flow = Dataflow(FLOW_ID)
    raw = op.input("kafka-in", flow, source)

    def decode(batch: RawBatch) -> "Iterable[tuple[str, SlotBatch | Outgoing]]":
        with reporting(settings.on_error):
            return decoder(batch)

    decoded = op.flat_map("decode", raw, decode)
    split = op.branch("split", decoded, _is_for_slot)

    def build_step(marker: bytes | None) -> WaitlistStep:
        if recall is None:
            return WaitlistStep(settings, marker)
        return RecallingStep(settings, recall, marker)

    told = op.stateful_batch("waitlist", split.trues, build_step)
    dead_letters = cast("KeyedStream[Outgoing]", split.falses)
    outgoing = op.merge("merge", told, dead_letters)
    op.output("kafka-out", outgoing, sink)
    return flow


def _is_for_slot(
    item: tuple[str, SlotBatch | Outgoing],
) -> TypeGuard[tuple[str, SlotBatch]]:
    return isinstance(item[1], SlotBatch)


def __getattr__(name: str) -> Dataflow:
    """The flow with the program's settings, for ``bytewax.run``.

    The program offers it under the entry point group ``restock.flows``, so that this
    package need not know the program.
    """
    if name != "flow":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    for offer in entry_points(group="restock.flows", name="restock"):
        flow = offer.load()()
        if isinstance(flow, Dataflow):
            return flow
    message = "the program restock is not installed here: install the package, not only its files"
    raise AttributeError(message)
