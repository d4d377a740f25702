# SPDX-License-Identifier: Apache-2.0
"""Catalogue feeds: every variant with its figure, in one document, again and again.

The form is that of Klaviyo's custom catalogue feeds
(https://developers.klaviyo.com/en/docs/guide-to-syncing-a-custom-catalog-feed-to-klaviyo). A feed
says nothing of when its figures were true: the time at which it was made or fetched stands for it.
"""

from dataclasses import dataclass

from connectors.errors import InboundError
from connectors.inbound.contract import Learned, Mapped, Message, Refusal
from connectors.inbound.feed_reading import Find, form_of, read_items
from connectors.inbound.feed_settings import FeedSettings
from connectors.inbound.mapping_values import to_id, to_number, to_product
from connectors.inbound.records import StockEvent, StockRecord, Unfit, write_record

__all__ = ["Feed", "FeedSource"]


@dataclass(frozen=True, slots=True)
class Feed:
    """What a whole feed says.

    Attributes:
        records: for each variant its record, and its figure.
        mentioned: every variant that it holds, those of refused items too.
        refusals: items that could not be taken.
        taken_at: the time of its figures, in epoch milliseconds.
        source: what its records carry as their source.
    """

    records: dict[str, tuple[int, StockRecord]]
    mentioned: set[str]
    refusals: list[Refusal]
    taken_at: int
    source: str


class FeedSource:
    """Reads feeds.

    Args:
        settings: what they look like.
        name: of the source; records carry it.
    """

    def __init__(self, settings: FeedSettings, name: str = "feed") -> None:
        self.settings = settings
        self.source = name if name == settings.kind else f"{settings.kind}:{name}"
        fields = settings.fields.model_dump(exclude={"id", "quantity"}, exclude_none=True)
        self._product: dict[str, str] = fields

    def read(self, body: bytes, taken_at: int) -> Feed:
        """Read a feed to its end.

        An item that is not right is a refusal; so is a second one of the same variant.

        Args:
            body: the document.
            taken_at: the time of its figures, in epoch milliseconds.

        Raises:
            InboundError: the document is not right as a whole: nothing of it is to be applied.
        """
        settings = self.settings
        if len(body) > settings.max_bytes:
            raise InboundError(
                f"the feed has more than {settings.max_bytes} bytes: raise `max_bytes`"
            )
        form = form_of(body, settings.format)
        in_text = settings.numbers_in_text or form == "xml"
        feed = Feed({}, set(), [], taken_at, self.source)
        for number, find in enumerate(read_items(body, form, settings.items)):
            try:
                self._add(feed, find, in_text=in_text)
            except Unfit as error:
                feed.refusals.append(Refusal(error.reason, f"item {number}: {error}"))
        return feed

    def sold_out(self, variant_id: str, taken_at: int) -> StockRecord:
        """Make the record of a variant that a feed no longer holds."""
        return write_record(
            StockEvent(variant_id=variant_id, quantity=0, occurred_at=taken_at, source=self.source)
        )

    def is_authentic(self, _message: Message) -> bool:
        """Take every message: feeds are not signed."""
        return True

    def event_id(self, _message: Message) -> str | None:
        """Return None: feeds have no ids."""
        return None

    def map(self, message: Message) -> Mapped:
        """Make a record of every item, with the time at which the feed came.

        Whoever knows what was said before writes only what differs: `reconcile`.
        """
        try:
            feed = self.read(message.body, message.arrived_at)
        except InboundError as error:
            return Mapped(refusals=(Refusal("broken_feed", str(error)),))
        records = tuple(record for _, record in feed.records.values())
        nothing = not records and not feed.refusals
        return Mapped(records, tuple(feed.refusals), ignored="no_items" if nothing else None)

    def learn(self, _learned: Learned) -> None:
        """Learn nothing: feeds say themselves which variant they speak of."""

    def _add(self, feed: Feed, find: Find, *, in_text: bool) -> None:
        fields, prefix = self.settings.fields, self.settings.variant_prefix
        variant_id = prefix + to_id(find(fields.id), fields.id)
        if variant_id in feed.mentioned:
            raise Unfit("duplicate_id", f"{fields.id}: came before")
        feed.mentioned.add(variant_id)
        quantity = to_number(find(fields.quantity), fields.quantity, in_text=in_text)
        event = StockEvent(
            variant_id=variant_id,
            quantity=quantity,
            occurred_at=feed.taken_at,
            product=to_product({name: find(field) for name, field in self._product.items()}),
            source=self.source,
        )
        feed.records[variant_id] = quantity, write_record(event)
