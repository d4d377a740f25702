# SPDX-License-Identifier: Apache-2.0
"""The contract: one strict model for every record on a topic (docs/semantics.md section 1).

The models take what `schemas.parsing.parse_json` returns and accept exactly what the contract
accepts; unknown fields are ignored. The hot path in `schemas.decode` and `schemas.encode` stands
beside them and is held to give the same results.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from schemas.errors import DeadLetterReason
from schemas.fields import (
    Channel,
    Channels,
    Count,
    EmailAddress,
    Identifier,
    Integer,
    NullMeans,
    Ordinal,
    PhoneNumber,
    Price,
    Priority,
    Sum,
    Text,
    Timestamp,
    invalid,
)
from schemas.identifiers import person_identifiers

__all__ = [
    "Delivery",
    "Inventory",
    "Item",
    "Notification",
    "Order",
    "OrderItem",
    "ProductFields",
    "ProfileFields",
    "Record",
    "Subscribe",
    "Subscription",
    "Unsubscribe",
    "WaitlistStatus",
]


class Record(BaseModel):
    """What all records have in common: strict types, and unknown fields are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class ProductFields(Record):
    """What a message may show of a product; every field is optional."""

    product_id: Text | None = None
    title: Text | None = None
    variant_title: Text | None = None
    url: Text | None = None
    image_url: Text | None = None
    currency: Text | None = None
    price: Price | None = Field(default=None, description="Carried as it is.")


class ProfileFields(Record):
    """A person, by at least one identifier; kept as given, compared in normalised form."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "string"}}}
                for name in ("id", "external_id", "email", "phone_number")
            ]
        }
    )

    id: Text | None = None
    external_id: Text | None = None
    email: EmailAddress | None = None
    phone_number: PhoneNumber | None = None

    @model_validator(mode="after")
    def _has_identifiers(self) -> Self:
        if not self.identifiers():
            names = ", ".join(type(self).model_fields)
            raise invalid(DeadLetterReason.MISSING_FIELD, f"needs at least one of {names}")
        return self

    def identifiers(self) -> tuple[str, ...]:
        """Return the normalised identifiers, the profile key first."""
        return person_identifiers(self.id, self.external_id, self.email, self.phone_number)


class Inventory(Record):
    """A stock figure of one variant, as the platform saw it. Key: `variant_id`."""

    variant_id: Identifier = Field(
        description="Recommended form: integration:::catalog:::external, such as "
        "$custom:::$default:::SKU-MED. Any other string is taken as it is."
    )
    quantity: Integer | None = Field(
        description="Absolute figure, not a delta; null: there is no such figure any more."
    )
    occurred_at: Timestamp = Field(description="When the platform's figure was true.")
    location_id: Identifier | None = Field(
        default=None, description="None: the figure is the total over all locations."
    )
    sequence: Annotated[Integer, NullMeans(int)] = Field(
        default=0, description="Tie-break for equal occurred_at."
    )
    policy: Literal["deny", "continue"] | None = Field(
        default=None, description="continue: the platform keeps selling when out of stock."
    )
    available: bool | None = None
    published: bool | None = None
    product: ProductFields | None = None
    event_id: Text | None = Field(default=None, description="Carried for tracing.")
    source: Text | None = Field(default=None, description="Carried for tracing.")


class Subscribe(Record):
    """A person asks to be told when a variant is back."""

    type: Literal["subscribe"]
    variant_id: Identifier
    occurred_at: Timestamp
    profile: ProfileFields
    channels: Annotated[Channels, Field(min_length=1), NullMeans(lambda: ["EMAIL"])] = Field(
        default=["EMAIL"]
    )
    priority: Annotated[Priority, NullMeans(int)] = Field(
        default=0, description="Higher is told first."
    )
    expires_at: Timestamp | None = None
    consent: Annotated[Channels, NullMeans(list)] = Field(
        default=[], description="Channels with explicit consent."
    )
    locale: Text | None = None
    market: Text | None = None
    product: ProductFields | None = Field(
        default=None, description="What the sign-up form knew of the product."
    )
    event_id: Text | None = None


class Unsubscribe(Record):
    """A person no longer wants to be told; no other field is looked at."""

    type: Literal["unsubscribe"]
    variant_id: Identifier
    occurred_at: Timestamp
    profile: ProfileFields


class Subscription(RootModel[Annotated[Subscribe | Unsubscribe, Field(discriminator="type")]]):
    """A sign-up or a sign-off. Key: `variant_id`."""

    model_config = ConfigDict(strict=True, frozen=True)


class Notification(Record):
    """One person told once. Key: the profile key. Every field is present."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] = Field(
        description="A function of the subscription alone: safe as an idempotency key."
    )
    variant_id: Identifier
    profile: ProfileFields
    channels: Annotated[Channels, Field(min_length=1)]
    consent: Channels
    product: ProductFields = Field(
        description="Per field the variant's value when the wave started, else the sign-up's."
    )
    locale: Text | None
    market: Text | None
    priority: Priority
    cycle: Ordinal
    cycle_opened_at: Timestamp
    wave: Ordinal = Field(description="Number in the cycle.")
    position: Ordinal = Field(description="Place in the wave.")
    quantity: Sum = Field(description="Sellable quantity when the wave started.")
    subscribed_at: Timestamp
    triggered_at: Timestamp


class WaitlistStatus(Record):
    """Where a variant's waitlist stands; written when it changes. Key: `variant_id`."""

    variant_id: Identifier
    quantity: Sum | None = Field(description="Sum of the figures in force; null: none.")
    offered: bool
    cycle: Count = Field(description="0 before the first.")
    cycle_opened_at: Timestamp | None
    waiting: Count
    told: Count
    next_wave_at: Timestamp | None
    updated_at: Timestamp
    product: ProductFields


class Item(Record):
    """Which item of a platform is which variant. Key: `source item`."""

    source: Text = Field(description="Name of the table [ingest.NAME].")
    item_id: Text = Field(description="What the platform calls it where it speaks of stock.")
    variant_id: Identifier
    product_id: Text | None = None


class OrderItem(Record):
    """One line of an order: a variant, or a product whichever its variant."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "string"}}}
                for name in ("variant_id", "product_id")
            ]
        }
    )

    variant_id: Identifier | None = None
    product_id: Text | None = None
    quantity: Annotated[Ordinal, NullMeans(lambda: 1)] = 1

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.variant_id is None and self.product_id is None:
            message = "needs variant_id or product_id"
            raise invalid(DeadLetterReason.MISSING_FIELD, message)
        return self


class Order(Record):
    """A purchase, or its cancellation. Key: the profile key."""

    order_id: Text
    profile: ProfileFields
    items: Annotated[list[OrderItem], Field(min_length=1)]
    occurred_at: Timestamp
    cancelled: Annotated[bool, NullMeans(bool)] = False


class Delivery(Record):
    """What became of one step of one notification. Key: the profile key."""

    notification_id: Text
    variant_id: Identifier
    profile_key: Text
    step: Text = Field(description="Step of the journey, such as first or reminder.")
    channel: Channel
    outcome: Literal["sent", "suppressed", "failed"]
    reason: Text | None = Field(default=None, description="Why it was not sent.")
    attempts: Count
    occurred_at: Timestamp
