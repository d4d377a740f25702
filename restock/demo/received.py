# SPDX-License-Identifier: Apache-2.0
"""What the demo's receivers note of each message that comes to them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["UNSUBSCRIBE_URL", "Received", "Took"]

UNSUBSCRIBE_URL: Final = "https://shop.example/u/"
"""Where the links in the demo's mails lead; the token follows."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message, as it came to a receiver.

    Attributes:
        id: The message's id: that of a mail's ``Message-ID``, or ``webhook-id``.
        channel: The channel that the receiver serves.
        taken: Whether it was taken; else the receiver has turned it away for the time being.
        sound: Whether it is as it must be: a webhook's signature, a mail's unsubscribe headers.
        variant_id: What it tells of; empty where it is not sound.
        profile: Whom it is for, as the sign-up had it; empty where it is not sound.
    """

    id: str
    channel: Literal["EMAIL", "PUSH"]
    taken: bool
    sound: bool
    variant_id: str
    profile: Mapping[str, str]

    @property
    def is_first(self) -> bool:
        """Whether it is the first of its journey; the ids of others end with their step."""
        return "." not in self.id


Took = Callable[[Received], None]
"""Is given each message, in the receivers' thread."""
