# SPDX-License-Identifier: Apache-2.0
"""What all sources of webhooks have in common: settings, and an answer to every message."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import override

from connectors.inbound.contract import Learned, Mapped, Message, Refusal
from connectors.inbound.records import StockEvent, StockRecord, Unfit, write_record
from connectors.inbound.webhook_secrets import HEADER, HeaderSecrets, Secret

__all__ = [
    "HeaderSource",
    "HookSettings",
    "LearningSource",
    "SharedSecretSettings",
    "WebhookSource",
    "each_of",
    "gather",
    "mapped",
    "together",
]

_Item = TypeVar("_Item")


class HookSettings(BaseModel):
    """A platform that speaks of stock: an `[ingest.NAME]` table."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class SharedSecretSettings(HookSettings):
    """A platform that shows a secret in a header of each request.

    Attributes:
        header: The header; say to the platform that it must send it.
        secrets: Its value, whole; two while one is replaced by the other. Without any, everybody
            may send.
    """

    header: str = Field(default="X-Restock-Secret", pattern=HEADER)
    secrets: list[Secret] = Field(default_factory=list)


class WebhookSource(ABC):
    """A `Source` that turns whatever is unfit into a refusal.

    Args:
        kind: of the source.
        name: of its table.
    """

    def __init__(self, kind: str, name: str) -> None:
        self._source = kind if name == kind else f"{kind}:{name}"

    def is_authentic(self, message: Message) -> bool:
        """Say whether the platform has sent it; what has no header at all is from a file."""
        return not message.headers or self._is_proven(message)

    def event_id(self, message: Message) -> str | None:  # noqa: ARG002 - most have none
        """Return the platform's id of the message; None: it gives none."""
        return None

    def map(self, message: Message) -> Mapped:
        """Turn the message into records."""
        try:
            return self._map(message)
        except Unfit as error:
            return Mapped(refusals=(Refusal(error.reason, str(error)),))

    def learn(self, learned: Learned) -> None:  # noqa: B027 - most have nothing to learn
        """Take in which item is which variant."""

    @abstractmethod
    def _is_proven(self, message: Message) -> bool:
        """Say whether a webhook is the platform's; True where no secret is set."""

    @abstractmethod
    def _map(self, message: Message) -> Mapped:
        """Turn the message into records.

        Raises:
            Unfit: nothing of it can be taken.
        """


class HeaderSource(WebhookSource):
    """The same, where a header proves who has sent it.

    Args:
        kind: of the source.
        name: of its table.
        settings: the header and its secrets.
    """

    def __init__(self, kind: str, name: str, settings: SharedSecretSettings) -> None:
        super().__init__(kind, name)
        self._secrets = HeaderSecrets(settings.header, settings.secrets)

    @override
    def _is_proven(self, message: Message) -> bool:
        return self._secrets.match(message.headers)


class LearningSource(HeaderSource):
    """The same, where the platform names its items and not their variants.

    Args:
        kind: of the source.
        name: of its table.
        settings: the header and its secrets.
    """

    def __init__(self, kind: str, name: str, settings: SharedSecretSettings) -> None:
        super().__init__(kind, name, settings)
        self._variants: dict[str, str] = {}

    @override
    def learn(self, learned: Learned) -> None:
        """Take in which item is which variant."""
        if learned.variant_id is None:
            self._variants.pop(learned.item_id, None)
        else:
            self._variants[learned.item_id] = learned.variant_id


def mapped(event: StockEvent) -> Mapped:
    """Make of one figure what a message comes to.

    Raises:
        Unfit: the contract of records does not take it.
    """
    return Mapped((write_record(event),))


def gather(items: Iterable[_Item], event_of: Callable[[_Item], StockEvent | None]) -> Mapped:
    """Make records of many items, and a refusal of each that is unfit.

    Args:
        items: what a message holds.
        event_of: makes a figure of an item, or None where none follows from it; may raise `Unfit`.
    """
    records: list[StockRecord] = []
    refusals: list[Refusal] = []
    for item in items:
        try:
            event = event_of(item)
            if event is not None:
                records.append(write_record(event))
        except Unfit as error:
            refusals.append(Refusal(error.reason, str(error)))
    ignored = None if records or refusals else "empty"
    return Mapped(tuple(records), tuple(refusals), ignored=ignored)


def each_of(items: Iterable[_Item], map_one: Callable[[_Item], Mapped]) -> Mapped:
    """Put together what many items come to; one that raises `Unfit` is refused by itself."""
    found = []
    for item in items:
        try:
            found.append(map_one(item))
        except Unfit as error:
            found.append(Mapped(refusals=(Refusal(error.reason, str(error)),)))
    return together(found)


def together(parts: Sequence[Mapped]) -> Mapped:
    """Put together what several parts come to; ignored is what all of them ignore."""
    if len(parts) == 1:
        return parts[0]
    reasons = {part.ignored for part in parts} or {"empty"}
    return Mapped(
        tuple(chain.from_iterable(part.records for part in parts)),
        tuple(chain.from_iterable(part.refusals for part in parts)),
        tuple(chain.from_iterable(part.learned for part in parts)),
        reasons.pop() if len(reasons) == 1 else None,
    )
