# SPDX-License-Identifier: Apache-2.0
"""A mapping that is not built in: JSON Pointers say where a record's fields stand, no code."""

from dataclasses import dataclass
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from connectors.inbound.contract import Learned, Mapped, Message, Refusal
from connectors.inbound.mapping_values import (
    Policy,
    TimeFormat,
    is_given,
    read_json,
    to_flag,
    to_id,
    to_number,
    to_policy,
    to_product,
    to_time,
)
from connectors.inbound.pointers import MISSING, Pointer, PointerText, check_pointer
from connectors.inbound.product_places import ProductPlaces
from connectors.inbound.records import StockEvent, StockRecord, Unfit, write_record

__all__ = ["MappingSettings", "MappingSource", "ProductPointers"]

_MODEL: Final = ConfigDict(frozen=True, extra="forbid", strict=True)


class ProductPointers(ProductPlaces):
    """Where a mapping finds what is known of a product: pointers."""

    @field_validator("*")
    @classmethod
    def _check(cls, text: str | None) -> str | None:
        return None if text is None else check_pointer(text)


class MappingSettings(BaseModel):
    """Messages in JSON of any shape: an `[ingest.NAME]` table of this kind.

    Pointers are those of RFC 6901; one that begins with `#/` starts at the root of the message
    even where the others start at an item.

    Attributes:
        kind: Always `"mapping"`.
        items: Where the list of figures is, if a message holds several.
        variant_id: Where the variant's id is: text or an integer.
        variant_prefix: What the record's variant id begins with.
        quantity: Where the figure is; null: there is no such figure any more.
        occurred_at: Where the time of the figure is; left out: the time at which the message
            came, with which late messages cannot be told from new ones.
        time_format: "rfc3339", "epoch_ms" or "epoch_s".
        location_id: Where the location's id is; left out: the figure is the total.
        sequence: Where the number is that orders figures of the same time.
        policy: Where it says whether the platform sells on when sold out.
        policy_values: What its values mean: "deny" or "continue".
        available: Where it says whether the variant can be bought.
        available_values: What its values mean: true or false.
        published: Where it says whether the variant can be seen.
        published_values: What its values mean: true or false.
        event_id: Where the message's id is.
        product: Where the fields of the product are.
        numbers_in_text: Take figures and times in text, such as "7", as well.
    """

    model_config = _MODEL

    kind: Literal["mapping"] = "mapping"
    items: PointerText | None = None
    variant_id: PointerText
    variant_prefix: str = "$custom:::$default:::"
    quantity: PointerText
    occurred_at: PointerText | None = None
    time_format: TimeFormat = "rfc3339"
    location_id: PointerText | None = None
    sequence: PointerText | None = None
    policy: PointerText | None = None
    policy_values: dict[str, Policy] = Field(default_factory=dict)
    available: PointerText | None = None
    available_values: dict[str, bool] = Field(default_factory=dict)
    published: PointerText | None = None
    published_values: dict[str, bool] = Field(default_factory=dict)
    event_id: PointerText | None = None
    product: ProductPointers = ProductPointers()
    numbers_in_text: bool = False

    @model_validator(mode="after")
    def _check_tables(self) -> Self:
        for name in ("policy", "available", "published"):
            if getattr(self, f"{name}_values") and getattr(self, name) is None:
                raise ValueError(f"{name}_values: say with {name} where the value stands")
        return self


@dataclass(frozen=True, slots=True)
class _Place:
    """A message and one of its items."""

    root: object
    item: object

    def find(self, pointer: Pointer | None) -> object:
        if pointer is None:
            return MISSING
        return pointer.find(self.root if pointer.from_root else self.item)


class MappingSource:
    """Reads messages as a table of pointers says.

    Args:
        settings: the table.
        name: of the source.
    """

    def __init__(self, settings: MappingSettings, name: str = "mapping") -> None:
        self._settings = settings
        self._source = name if name == settings.kind else f"{settings.kind}:{name}"
        self._pointers = {
            name: Pointer.parse(getattr(settings, name))
            for name in _POINTERS
            if getattr(settings, name) is not None
        }
        product = settings.product.model_dump(exclude_none=True)
        self._product = {name: Pointer.parse(text) for name, text in product.items()}

    def is_authentic(self, _message: Message) -> bool:
        """Take every message: nothing is known of how its sender signs."""
        return True

    def event_id(self, message: Message) -> str | None:
        """Return the text or integer at the pointer `event_id`."""
        pointer = self._pointers.get("event_id")
        if pointer is None:
            return None
        try:
            found = pointer.find(read_json(message.body))
        except Unfit:
            return None
        return _event_id(found)

    def map(self, message: Message) -> Mapped:
        """Make a record of each item; what is wrong with one keeps no other."""
        try:
            root = read_json(message.body)
            items = self._items(root)
        except Unfit as error:
            return Mapped(refusals=(Refusal(error.reason, str(error)),))
        records: list[StockRecord] = []
        refusals: list[Refusal] = []
        for number, item in enumerate(items):
            try:
                records.append(self._record(_Place(root, item), message.arrived_at))
            except Unfit as error:
                place = f"item {number}: " if "items" in self._pointers else ""
                refusals.append(Refusal(error.reason, f"{place}{error}"))
        ignored = None if records or refusals else "no_items"
        return Mapped(tuple(records), tuple(refusals), ignored=ignored)

    def learn(self, _learned: Learned) -> None:
        """Learn nothing: messages say themselves which variant they are of."""

    def _items(self, root: object) -> list[object]:
        pointer = self._pointers.get("items")
        if pointer is None:
            return [root]
        found = pointer.find(root)
        if isinstance(found, list):
            return found
        raise Unfit("missing_field", "items: there is no list where the settings say")

    def _record(self, place: _Place, arrived_at: int) -> StockRecord:
        settings, at = self._settings, self._pointers.get
        quantity = place.find(at("quantity"))
        location = place.find(at("location_id"))
        sequence = place.find(at("sequence"))
        in_text = settings.numbers_in_text
        return write_record(
            StockEvent(
                variant_id=settings.variant_prefix
                + to_id(place.find(at("variant_id")), "variant_id"),
                quantity=None
                if quantity is None
                else to_number(quantity, "quantity", in_text=in_text),
                occurred_at=self._time(place, arrived_at),
                location_id=to_id(location, "location_id") if at("location_id") else None,
                sequence=to_number(sequence, "sequence", in_text=in_text)
                if is_given(sequence)
                else 0,
                policy=to_policy(place.find(at("policy")), settings.policy_values),
                available=to_flag(
                    place.find(at("available")), settings.available_values, "available"
                ),
                published=to_flag(
                    place.find(at("published")), settings.published_values, "published"
                ),
                product=to_product(
                    {name: place.find(pointer) for name, pointer in self._product.items()}
                ),
                event_id=_event_id(place.find(at("event_id"))),
                source=self._source,
            )
        )

    def _time(self, place: _Place, arrived_at: int) -> int:
        pointer = self._pointers.get("occurred_at")
        if pointer is None:
            return arrived_at
        return to_time(
            place.find(pointer),
            self._settings.time_format,
            "occurred_at",
            arrived_at,
            in_text=self._settings.numbers_in_text,
        )


_POINTERS: Final = (
    "items",
    "variant_id",
    "quantity",
    "occurred_at",
    "location_id",
    "sequence",
    "policy",
    "available",
    "published",
    "event_id",
)


def _event_id(found: object) -> str | None:
    try:
        return to_id(found, "event_id")
    except Unfit:
        return None
