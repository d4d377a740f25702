# SPDX-License-Identifier: Apache-2.0
"""Records that are already ours: checked, and written as they are."""

from typing import Final, Literal

import msgspec
from pydantic import BaseModel, ConfigDict

from connectors.inbound.contract import Learned, Mapped, Message, Refusal
from connectors.inbound.records import StockRecord
from schemas.errors import InvalidRecord
from schemas.records import Inventory
from schemas.validation import validate_record

__all__ = ["PlainSettings", "PlainSource"]


class PlainSettings(BaseModel):
    """Records of `restock.inventory`, or a trace that holds some: an `[ingest.NAME]` table.

    Attributes:
        kind: Always `"restock"`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["restock"] = "restock"


class _Line(msgspec.Struct, frozen=True, gc=False):
    """A line of a trace (docs/semantics.md section 5)."""

    at: int | str
    topic: str
    value: msgspec.Raw


_read_line: Final = msgspec.json.Decoder(_Line).decode


class PlainSource:
    """Takes records of the contract; lines of traces are unwrapped, sign-ups in them left out."""

    def __init__(self, _settings: PlainSettings, _name: str = "restock") -> None:
        """Nothing is to be set."""

    def is_authentic(self, _message: Message) -> bool:
        """Take every message: records are not signed."""
        return True

    def event_id(self, _message: Message) -> str | None:
        """Return None: a record that comes twice changes nothing."""
        return None

    def map(self, message: Message) -> Mapped:
        """Check a record."""
        value = message.body
        try:
            line = _read_line(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        else:
            if line.topic != "inventory":
                return Mapped(ignored="other_topic")
            value = bytes(line.value)
        if value == b"null":
            return Mapped(ignored="tombstone")
        try:
            record = validate_record(Inventory, value)
        except InvalidRecord as error:
            return Mapped(refusals=(Refusal(error.reason.value, str(error)),))
        return Mapped((StockRecord(record.variant_id, value),))

    def learn(self, _learned: Learned) -> None:
        """Learn nothing: records say themselves which variant they are of."""
