# SPDX-License-Identifier: Apache-2.0
"""What every sink promises to those who send by it.

A sink is handed messages and says of each what became of it. It decides nothing: whether a message
is sent at all, when it is tried again and for how long is the delivery's business. Sinks run in an
event loop of their own; one that only knows blocking calls uses threads of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

__all__ = ["Answer", "Message", "Resolution", "Sink"]


class Resolution(StrEnum):
    """What is to be done after an answer.

    Attributes:
        SENT: the receiver has it.
        RETRY: it may go well later.
        FINAL: it will never go well; this message is given up.
        DISABLE: the receiver wants nothing more from us, ever; this one is given up as well.
    """

    SENT = "sent"
    RETRY = "retry"
    FINAL = "final"
    DISABLE = "disable"


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one person.

    Attributes:
        id: the idempotency key: the same at every attempt, different for every other message.
        channel: the channel that the person chose, such as "EMAIL".
        step: name of the journey's step, such as "first".
        template: which template the step names; of no meaning to sinks that do not render.
        notifications: values of the notification records that it tells of, as they are in Kafka;
            at least one, all of the same person, the oldest first; more than one in a digest.
        attempt: counted from 1.
    """

    id: str
    channel: str
    step: str
    template: str
    notifications: tuple[bytes, ...]
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a message.

    Attributes:
        resolution: what is to be done.
        reason: stable and for machines, in snake case, such as "http_503" or "timeout"; empty
            when sent. It becomes part of records and of metrics: no addresses, no free text.
        detail: one line for people of at most 200 characters; no secrets, no addresses of people.
        wait: with RETRY: the receiver asks not to be tried before so many seconds; None: no wish.
        throttled: with RETRY: the receiver wants fewer requests, whosoever the message is for.
            Nothing is sent by this sink for `wait` seconds, and the attempt does not count.
    """

    resolution: Resolution
    reason: str = ""
    detail: str = ""
    wait: float | None = None
    throttled: bool = False


class Sink(Protocol):
    """A way to bring messages to people.

    What holds for each, and is checked by the contract's tests:

    * `send` gives exactly one answer for each message, in their order. Whatever a receiver does,
      closes, garbles or keeps silent about is an answer, never an exception.
    * It always ends: every wait has a bound.
    * A message that is sent again carries the same id to the receiver.
    * As many calls of `send` as `concurrency` says may run at once; one that is slow holds up none
      of the others. Cancelling one leaves the sink fit for use.
    * Nothing is connected before `open`, and nothing is left open after `close`. `open` raises
      `connectors.errors.SinkError` for what no attempt can mend, such as a template that does not
      compile.
    """

    @property
    def concurrency(self) -> int:
        """How many calls of `send` may run at once, at least 1."""

    @property
    def batch_size(self) -> int:
        """How many messages one call of `send` takes at most."""

    async def open(self) -> None:
        """Get ready to send.

        Raises:
            SinkError: what is set cannot work.
        """

    async def send(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Try to deliver messages; see the class for what holds."""

    async def close(self) -> None:
        """Let go of all connections."""
