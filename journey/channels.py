# SPDX-License-Identifier: Apache-2.0
"""The ways to reach a person, and what each of them needs."""

from typing import Final, Literal, get_args

from schemas.fields import Channel

__all__ = ["BY_PHONE", "CHANNELS", "EmailConsent"]

CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)
"""Every way to reach a person."""

BY_PHONE: Final[frozenset[Channel]] = frozenset({"SMS", "WHATSAPP"})
"""They go to a phone number, and never without consent."""

EmailConsent = Literal["implied", "explicit"]
"""Whether signing up is consent enough for mail."""
