# SPDX-License-Identifier: Apache-2.0
"""What sources have learned, kept in a compacted topic that all gateways share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from connectors.inbound.contract import Learned, Source

__all__ = ["Items", "Writes"]


class Writes(Protocol):
    """Writes records, see `connectors.kafka.acknowledged.AcknowledgingProducer`."""

    async def send(self, topic: str, key: bytes, value: bytes | None) -> None:
        """Return when the brokers have it.

        Raises:
            NotAcknowledged: they have not.
        """
        ...


class _Item(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """As in `schemas.records.Item`."""

    source: str
    item_id: str
    variant_id: str
    product_id: str | None = None


_UNWRITTEN: Final = object()

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Item).decode


class Items:
    """Writes down what sources learn, and tells them what was written, by whomever.

    Args:
        sources: by the name of their table.
        writes: to Kafka.
        topic: of items.
        soon: calls something in the thread in which the sources are used.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        writes: Writes,
        topic: str,
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._sources = dict(sources)
        self._writes = writes
        self._topic = topic
        self._soon = soon
        self._written: dict[bytes, object] = {}

    async def keep(self, name: str, learned: Sequence[Learned]) -> None:
        """Write down what a source has learned, and return when that is safe.

        Sources learn the same with each message; what is in the topic is not written again.

        Raises:
            NotAcknowledged: not all is written.
        """
        for each in learned:
            key = f"{name} {each.item_id}".encode()
            value = None
            if each.variant_id is not None:
                value = _encode(_Item(name, each.item_id, each.variant_id, each.product_id))
            if self._written.get(key, _UNWRITTEN) != hash(value):
                await self._writes.send(self._topic, key, value)
                self._written[key] = hash(value)

    def take(self, key: bytes, value: bytes | None) -> None:
        """Tell the source of a row; those of other programs and of sources gone are passed over."""
        name, _, item_id = key.decode("utf-8", "replace").partition(" ")
        source = self._sources.get(name)
        if source is None:
            return
        learned = Learned(item_id, None)
        if value is not None:
            try:
                item = _decode(value)
            except msgspec.MsgspecError:
                return
            learned = Learned(item.item_id, item.variant_id, item.product_id)
        self._written[key] = hash(value)
        self._soon(lambda: source.learn(learned))
