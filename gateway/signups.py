# SPDX-License-Identifier: Apache-2.0
"""The desk at which every door ends: sign-ups and sign-offs become records of the topic."""

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import msgspec

from connectors.sinks.content import Person
from schemas.fields import Channel

__all__ = ["Admission", "SignUp", "SignUpDesk", "SignsOff", "UnknownVariant", "Writes"]


class UnknownVariant(Exception):  # noqa: N818 - each door answers in its own way
    """The catalogue has no such variant."""


@dataclass(frozen=True, slots=True)
class SignUp:
    """Somebody wants to be told.

    Attributes:
        door: by which it came, a label of metrics: "klaviyo_server", "legacy" ...
        variant_id: of what.
        profile: who; at least one identifier, each checked, none with control characters.
        channels: how, at least one, none twice.
        locale: such as "sv-SE", or None.
        market: such as "SE", or None.
        product: what the form knew of it, by the names of `schemas.records.ProductFields`, or None.
    """

    door: str
    variant_id: str
    profile: Person
    channels: tuple[Channel, ...] = ("EMAIL",)
    locale: str | None = None
    market: str | None = None
    product: Mapping[str, str] | None = None


class Writes(Protocol):
    """Writes records, see `connectors.kafka.acknowledged.AcknowledgingProducer`."""

    async def send(self, topic: str, key: bytes, value: bytes) -> None:
        """Return when the brokers have it.

        Raises:
            NotAcknowledged: they have not.
        """
        ...


class SignsOff(Protocol):
    """Takes people off the lists, see `SignUpDesk`."""

    async def sign_off(
        self, door: str, variant_ids: Sequence[str], profile: Person, *, not_before: int = 0
    ) -> None:
        """Return when Kafka has it.

        Raises:
            NotAcknowledged: it may have it, or not.
        """
        ...


Admission = Callable[[SignUp], "Sequence[SignUp]"]
"""Decides what becomes of a sign-up before it is written: itself, another, or nothing yet.

The place for a double opt-in: keep the sign-up, send its confirmation, return nothing; when it is
confirmed, hand it to `SignUpDesk.write`."""


class _Subscribe(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    type: Literal["subscribe", "unsubscribe"]
    variant_id: str
    occurred_at: int
    profile: dict[str, str]
    channels: tuple[Channel, ...] | None = None
    consent: tuple[Channel, ...] = ()
    locale: str | None = None
    market: str | None = None
    product: Mapping[str, str] | None = None


_encode: Final = msgspec.json.Encoder().encode


class SignUpDesk:
    """Writes sign-ups and sign-offs, and returns when Kafka has them.

    Args:
        writes: to Kafka.
        topic: of subscriptions.
        clock: the time, in epoch milliseconds.
        consent: channels for which a sign-up is explicit consent.
        catalogue: the variants there are; None: whatever is asked for.
        admit: see `Admission`.

    Attributes:
        counts: sign-ups and sign-offs by door and by what became of them.
    """

    def __init__(
        self,
        writes: Writes,
        topic: str,
        clock: Callable[[], int],
        *,
        consent: tuple[Channel, ...] = (),
        catalogue: Container[str] | None = None,
        admit: Admission | None = None,
    ) -> None:
        self._writes = writes
        self._topic = topic
        self._clock = clock
        self._consent = frozenset(consent)
        self._catalogue = catalogue
        self._admit = admit
        self.counts: Counter[tuple[str, str]] = Counter()

    async def take(self, sign_up: SignUp) -> None:
        """Take a sign-up in.

        Raises:
            UnknownVariant: there is no such variant; nothing was written.
            NotAcknowledged: it may be written, or not: the caller is to ask again.
        """
        if self._catalogue is not None and sign_up.variant_id not in self._catalogue:
            self.counts[sign_up.door, "unknown_variant"] += 1
            raise UnknownVariant
        if self._admit is None:
            await self.write(sign_up)
            return
        admitted = self._admit(sign_up)
        if not admitted:
            self.counts[sign_up.door, "held_back"] += 1
        for each in admitted:
            await self.write(each)

    async def write(self, sign_up: SignUp) -> None:
        """Write a sign-up, whatever the catalogue and `Admission` say.

        Raises:
            NotAcknowledged: as above.
        """
        value = _encode(
            _Subscribe(
                type="subscribe",
                variant_id=sign_up.variant_id,
                occurred_at=self._clock(),
                profile=_identifiers(sign_up.profile),
                channels=sign_up.channels,
                consent=tuple(name for name in sign_up.channels if name in self._consent),
                locale=sign_up.locale,
                market=sign_up.market,
                product=sign_up.product or None,
            )
        )
        await self._write(sign_up.door, sign_up.variant_id, value, "taken")

    async def sign_off(
        self, door: str, variant_ids: Sequence[str], profile: Person, *, not_before: int = 0
    ) -> None:
        """Take somebody off the lists of variants, as of now.

        Args:
            door: by which they leave.
            variant_ids: of which lists.
            profile: who.
            not_before: when the sign-up was that is to be ended, in epoch milliseconds; the clock
                of whoever wrote it may be ahead of ours.

        Raises:
            NotAcknowledged: not all is written; asking again does no harm.
        """
        occurred_at = max(self._clock(), not_before)
        for variant_id in variant_ids:
            value = _encode(
                _Subscribe(
                    type="unsubscribe",
                    variant_id=variant_id,
                    occurred_at=occurred_at,
                    profile=_identifiers(profile),
                )
            )
            await self._write(door, variant_id, value, "signed_off")

    async def _write(self, door: str, variant_id: str, value: bytes, outcome: str) -> None:
        try:
            await self._writes.send(self._topic, variant_id.encode(), value)
        except Exception:
            self.counts[door, "not_acknowledged"] += 1
            raise
        self.counts[door, outcome] += 1


def _identifiers(profile: Person) -> dict[str, str]:
    return {
        name: text for name, text in msgspec.structs.asdict(profile).items() if text is not None
    }
