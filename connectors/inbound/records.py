# SPDX-License-Identifier: Apache-2.0
"""Records of `restock.inventory`, as sources make them (docs/semantics.md section 1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from connectors.errors import InboundError
from schemas.fields import CONTROL_CHARACTER, MAX_INTEGER
from schemas.timestamps import parse_timestamp

__all__ = ["StockEvent", "StockRecord", "Unfit", "variant_id_of", "write_record"]

_LONGEST_ID: Final = 255

_encode: Final = msgspec.json.Encoder().encode


class Unfit(InboundError):  # noqa: N818 - as in connectors.errors
    """What a platform says does not fit into a record.

    Attributes:
        reason: as in `connectors.inbound.contract.Refusal`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class StockEvent(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, kw_only=True):
    """A stock figure; the fields are those of `schemas.records.Inventory`.

    Attributes:
        occurred_at: in epoch milliseconds.
        product: what is known of it; values are not empty.
    """

    variant_id: str
    quantity: int | None
    occurred_at: int
    location_id: str | None = None
    sequence: int = 0
    policy: Literal["deny", "continue"] | None = None
    available: bool | None = None
    published: bool | None = None
    product: Mapping[str, str | int | float] | None = None
    event_id: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class StockRecord:
    """A record to be written; its key is the variant's id.

    Attributes:
        variant_id: of which it speaks.
        value: JSON, valid by `schemas.records.Inventory`.
    """

    variant_id: str
    value: bytes


def variant_id_of(integration: str, external_id: str | int, catalog: str = "$default") -> str:
    """Compose a variant's id: ``$shopify:::$default:::33001893429341``."""
    return f"{integration}:::{catalog}:::{external_id}"


def write_record(event: StockEvent) -> StockRecord:
    """Check a figure and write it down.

    Raises:
        Unfit: the contract does not take it: an id is empty, longer than 255 code points or has
            control characters; a number is beyond 2^53; a time is before 2001; text is no Unicode.
    """
    _check_id(event.variant_id, "variant_id")
    if event.location_id is not None:
        _check_id(event.location_id, "location_id")
    for number in (event.quantity or 0, event.sequence):
        if not -MAX_INTEGER <= number <= MAX_INTEGER:
            raise Unfit("out_of_range", f"the number {number} is beyond 2^53")
    try:
        parse_timestamp(event.occurred_at)
    except ValueError:
        raise Unfit("out_of_range", f"no time of this age: {event.occurred_at}") from None
    try:
        return StockRecord(event.variant_id, _encode(event))
    except UnicodeEncodeError:
        raise Unfit("undecodable", "text holds half of a surrogate pair") from None


def _check_id(text: str, name: str) -> None:
    # Nearly every id is printable, and that is quicker to see.
    if not 0 < len(text) <= _LONGEST_ID or (
        not text.isprintable() and CONTROL_CHARACTER.search(text)
    ):
        raise Unfit("unfit_id", f"{name} must be of 1 to 255 characters, none a control character")
