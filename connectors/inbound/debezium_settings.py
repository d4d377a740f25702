# SPDX-License-Identifier: Apache-2.0
"""The settings of the source `debezium`."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.inbound.mapping_values import Policy, TimeFormat
from connectors.inbound.product_places import ProductPlaces

__all__ = ["DebeziumColumns", "DebeziumSettings"]

_MODEL: Final = ConfigDict(frozen=True, extra="forbid", strict=True)


class DebeziumColumns(BaseModel):
    """What the columns of a stock table are called.

    Attributes:
        variant_id: The variant's id.
        quantity: The figure: a number, or a decimal in any form that Debezium gives it.
        location_id: The location's id; left out: the figure is the total.
        occurred_at: When the figure was true; left out: when the change was committed.
        policy: Whether the shop sells on when sold out.
        available: Whether the variant can be bought.
        published: Whether the variant can be seen.
        product: What is known of the product.
    """

    model_config = _MODEL

    variant_id: str = Field(min_length=1)
    quantity: str = Field(min_length=1)
    location_id: str | None = Field(default=None, min_length=1)
    occurred_at: str | None = Field(default=None, min_length=1)
    policy: str | None = Field(default=None, min_length=1)
    available: str | None = Field(default=None, min_length=1)
    published: str | None = Field(default=None, min_length=1)
    product: ProductPlaces = ProductPlaces()


class DebeziumSettings(BaseModel):
    """Changes of a database's table, as Debezium tells them: an `[ingest.NAME]` table of this kind.

    Attributes:
        kind: Always `"debezium"`.
        table: The table's name, such as "stock", or with its database or schema in front,
            such as "shop.stock"; changes of others are passed over.
        columns: What its columns are called.
        variant_prefix: What the record's variant id begins with.
        scale: Digits behind the point of a decimal in base64, where messages carry no schema.
        time_format: "rfc3339", "epoch_ms" or "epoch_s": how `columns.occurred_at` is written.
        policy_values: What the policy's values mean: "deny" or "continue".
        available_values: What its values mean: true or false.
        published_values: What its values mean: true or false.
    """

    model_config = _MODEL

    kind: Literal["debezium"] = "debezium"
    table: str = Field(min_length=1)
    columns: DebeziumColumns
    variant_prefix: str = "$custom:::$default:::"
    scale: int | None = Field(default=None, ge=0, le=38)
    time_format: TimeFormat = "rfc3339"
    policy_values: dict[str, Policy] = Field(default_factory=dict)
    available_values: dict[str, bool] = Field(default_factory=dict)
    published_values: dict[str, bool] = Field(default_factory=dict)
