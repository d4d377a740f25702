# SPDX-License-Identifier: Apache-2.0
"""Records of the reference model: parsed JSON values in, plain facts or an error out."""

from dataclasses import dataclass
from typing import TypeAlias

from tests.naive.times import BadTimeError, is_whole, read_time

__all__ = ["BadRecordError", "SignOff", "SignUp", "Stock", "read_record"]

Json: TypeAlias = dict[str, object]

_CHANNELS = ("EMAIL", "SMS", "PUSH", "WHATSAPP")
_PRODUCT_TEXTS = ("product_id", "title", "variant_title", "url", "image_url", "currency")
_BIGGEST = 2**53 - 1
_AHEAD = 600_000


class BadRecordError(ValueError):
    """The value is not a valid record: a dead letter."""


@dataclass(frozen=True)
class Stock:
    """An inventory record."""

    variant_id: str
    occurred_at: int
    sequence: int
    location_id: str | None
    quantity: int | None
    settings: Json
    """What the record sets: ``policy``, ``available``, ``published``, ``product.<field>``."""

    @property
    def key(self) -> tuple[int, int]:
        """The order of inventory events."""
        return (self.occurred_at, self.sequence)


@dataclass(frozen=True)
class SignUp:
    """A ``subscribe``."""

    variant_id: str
    occurred_at: int
    profile: dict[str, str]
    identifiers: list[str]
    channels: list[str]
    consent: list[str]
    priority: int
    expires_at: int | None
    locale: str | None
    market: str | None
    product: Json


@dataclass(frozen=True)
class SignOff:
    """An ``unsubscribe``."""

    variant_id: str
    occurred_at: int
    identifiers: list[str]


def read_record(topic: str, value: object, arrival: int) -> Stock | SignUp | SignOff:
    """The record a parsed JSON value of a topic stands for (docs/semantics.md section 1).

    Raises:
        BadRecordError: It is not valid.
    """
    if not isinstance(value, dict):
        raise BadRecordError("not an object")
    if topic == "inventory":
        return _read_stock(value, arrival)
    kind = value.get("type")
    if kind == "subscribe":
        return _read_sign_up(value, arrival)
    if kind == "unsubscribe":
        _, identifiers = _profile(value)
        return SignOff(_id(value, "variant_id"), _occurred_at(value, arrival), identifiers)
    raise BadRecordError("type")


def _read_stock(value: Json, arrival: int) -> Stock:
    settings: Json = {}
    if (policy := value.get("policy")) is not None:
        if policy not in ("deny", "continue"):
            raise BadRecordError("policy")
        settings["policy"] = policy
    for field in ("available", "published"):
        if (flag := value.get(field)) is not None:
            if not isinstance(flag, bool):
                raise BadRecordError(field)
            settings[field] = flag
    for name, given in _product(value).items():
        settings["product." + name] = given
    for field in ("event_id", "source"):
        _optional_text(value, field)
    if "quantity" not in value:
        raise BadRecordError("quantity")
    sequence = _integer(value.get("sequence"), "sequence")
    return Stock(
        variant_id=_id(value, "variant_id"),
        occurred_at=_occurred_at(value, arrival),
        sequence=0 if sequence is None else sequence,
        location_id=None if value.get("location_id") is None else _id(value, "location_id"),
        quantity=_integer(value["quantity"], "quantity"),
        settings=settings,
    )


def _read_sign_up(value: Json, arrival: int) -> SignUp:
    profile, identifiers = _profile(value)
    _optional_text(value, "event_id")
    priority = _integer(value.get("priority"), "priority")
    if priority is not None and not 0 <= priority <= 9:
        raise BadRecordError("priority")
    expires_at = value.get("expires_at")
    if value.get("channels") == []:
        raise BadRecordError("channels")
    return SignUp(
        variant_id=_id(value, "variant_id"),
        occurred_at=_occurred_at(value, arrival),
        profile=profile,
        identifiers=identifiers,
        channels=_channels(value, "channels", ["EMAIL"]),
        consent=_channels(value, "consent", []),
        priority=0 if priority is None else priority,
        expires_at=None if expires_at is None else _time(expires_at, "expires_at"),
        locale=_optional_text(value, "locale"),
        market=_optional_text(value, "market"),
        product=_product(value),
    )


def _profile(value: Json) -> tuple[dict[str, str], list[str]]:
    given = value.get("profile")
    if not isinstance(given, dict):
        raise BadRecordError("profile")
    profile: dict[str, str] = {}
    identifiers: list[str] = []
    for field, prefix in (
        ("id", "id:"),
        ("external_id", "external:"),
        ("email", "email:"),
        ("phone_number", "phone:"),
    ):
        text = _optional_text(given, field)
        if text is None:
            continue
        normal = text
        if field == "email":
            normal = "".join(
                chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter
                for letter in text.strip("\t\n\v\f\r ")
            )
        if field == "phone_number":
            normal = "".join(letter for letter in text if letter in "+0123456789")
        if not normal:
            raise BadRecordError("profile." + field)
        profile[field] = text
        identifiers.append(prefix + normal)
    if not identifiers:
        raise BadRecordError("profile")
    return profile, identifiers


def _product(value: Json) -> Json:
    given = value.get("product")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BadRecordError("product")
    product: Json = {}
    for field in _PRODUCT_TEXTS:
        if (text := _optional_text(given, field)) is not None:
            product[field] = text
    price = given.get("price")
    if isinstance(price, str):
        product["price"] = _optional_text(given, "price")
    elif isinstance(price, int | float) and not isinstance(price, bool):
        product["price"] = price
    elif price is not None:
        raise BadRecordError("product.price")
    return product


def _channels(value: Json, field: str, default: list[str]) -> list[str]:
    given = value.get(field)
    if given is None:
        return default
    if not isinstance(given, list) or any(item not in _CHANNELS for item in given):
        raise BadRecordError(field)
    return [item for place, item in enumerate(given) if item not in given[:place]]


def _id(value: Json, field: str) -> str:
    text = value.get(field)
    if not isinstance(text, str) or not 1 <= len(_text(text, field)) <= 255:
        raise BadRecordError(field)
    if any(ord(letter) < 0x20 or 0x7F <= ord(letter) <= 0x9F for letter in text):
        raise BadRecordError(field)
    return text


def _optional_text(value: Json, field: str) -> str | None:
    text = value.get(field)
    if text is None:
        return None
    if not isinstance(text, str) or not text:
        raise BadRecordError(field)
    return _text(text, field)


def _text(text: str, field: str) -> str:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadRecordError(field)
    return text


def _integer(value: object, field: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or not is_whole(value):
        raise BadRecordError(field)
    if not -_BIGGEST <= value <= _BIGGEST:
        raise BadRecordError(field)
    return int(value)


def _occurred_at(value: Json, arrival: int) -> int:
    occurred_at = _time(value.get("occurred_at"), "occurred_at")
    if occurred_at > arrival + _AHEAD:
        raise BadRecordError("occurred_at")
    return min(occurred_at, arrival)


def _time(value: object, field: str) -> int:
    try:
        return read_time(value)
    except BadTimeError:
        raise BadRecordError(field) from None
