# SPDX-License-Identifier: Apache-2.0
"""The state of a journey, and the bytes that it is kept as.

The bytes are a MessagePack array: the version, then the fields in their order.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Self

import msgspec

from journey.errors import StateError
from journey.notified import Notified
from schemas.fields import Channel

__all__ = ["Journey", "OpenChannel"]

_VERSION: Final = 1

_Channels = tuple[Channel, ...]
# Channel, attempts, first attempt, next attempt.
_Open = tuple[Channel, int, int | None, int]
# The fields of `Notified` in their order.
_Notified = tuple[str, str, str | None, str, _Channels, _Channels, bool, bool, str | None, int, int]
# Version, notification, step, due, open, sent, closed.
_State = tuple[
    int,
    _Notified,
    str,
    int,
    Annotated[tuple[_Open, ...], msgspec.Meta(min_length=1)],
    Annotated[tuple[_Channels, ...], msgspec.Meta(min_length=1)],
    _Channels,
]

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_State).decode
_decode_anything: Final = msgspec.msgpack.Decoder().decode


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """A channel of the step that is not settled yet; times in epoch milliseconds.

    Attributes:
        channel: its name.
        next_at: not to be tried before.
        attempts: how often it was tried in vain.
        first_attempt_at: when it was first tried; None: never.
    """

    channel: Channel
    next_at: int
    attempts: int = 0
    first_attempt_at: int | None = None


@dataclass(frozen=True, slots=True)
class Journey:
    """Where one notification stands; times in epoch milliseconds.

    Attributes:
        notified: what is known of the notification.
        step: name of the step that is on; a name outlives steps put in before it.
        due_at: when the step is due.
        open: the channels of the step that are not settled, in the person's order.
        sent: for each step so far, the one that is on last, the channels that were sent.
        closed: the channels that no later step goes by.
    """

    notified: Notified
    step: str
    due_at: int
    open: tuple[OpenChannel, ...]
    sent: tuple[tuple[Channel, ...], ...] = ((),)
    closed: tuple[Channel, ...] = ()

    def channel(self, name: Channel) -> OpenChannel:
        """Return where an open channel stands.

        Raises:
            KeyError: the channel is not open.
        """
        for opened in self.open:
            if opened.channel == name:
                return opened
        raise KeyError(name)

    def with_channel(self, changed: OpenChannel) -> Self:
        """Return the journey with an open channel of that name in the place of its former."""
        former = self.channel(changed.channel)
        return replace(
            self, open=tuple(changed if opened is former else opened for opened in self.open)
        )

    def to_bytes(self) -> bytes:
        """Return the state as bytes that `from_bytes` reads, in this and in later releases."""
        return _encode(
            (
                _VERSION,
                _notified_fields(self.notified),
                self.step,
                self.due_at,
                [(o.channel, o.attempts, o.first_attempt_at, o.next_at) for o in self.open],
                self.sent,
                self.closed,
            )
        )

    @classmethod
    def from_bytes(cls, state: bytes) -> Self:
        """Return the journey that `to_bytes` wrote.

        Raises:
            StateError: the bytes are no state, or one of a version that is not known.
        """
        try:
            version, notified, step, due_at, opened, sent, closed = _decode(state)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise _no_state(state) from error
        if version != _VERSION:
            raise _no_state(state)
        channels = tuple(
            OpenChannel(name, next_at, attempts, first_attempt_at)
            for name, attempts, first_attempt_at, next_at in opened
        )
        return cls(Notified(*notified), step, due_at, channels, sent, closed)


def _notified_fields(notified: Notified) -> _Notified:
    return (
        notified.id,
        notified.variant_id,
        notified.product_id,
        notified.profile_key,
        notified.channels,
        notified.consent,
        notified.has_email,
        notified.has_phone,
        notified.market,
        notified.subscribed_at,
        notified.triggered_at,
    )


def _no_state(state: bytes) -> StateError:
    match _read(state):
        case [int(version), *_] if version > _VERSION:
            return StateError(
                f"the state of a journey is of version {version}, and this release reads up to "
                f"{_VERSION}: use the release that wrote it, or a later one"
            )
    return StateError(f"{len(state)} bytes are not the state of a journey")


def _read(state: bytes) -> Any:  # noqa: ANN401 - anything that MessagePack can say
    try:
        return _decode_anything(state)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
