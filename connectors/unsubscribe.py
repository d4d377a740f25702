# SPDX-License-Identifier: Apache-2.0
"""Opaque tokens of unsubscribe links: who no longer wants to be told of what.

A token is sealed with AES-SIV (RFC 5297): nobody without the secret can read it, change it or make
one, and the same person and variants always give the same token, so that a mail that is sent again
is the same mail. It holds all that an `unsubscribe` record needs; nothing is looked up.
"""

import base64
import binascii
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from connectors.errors import ConnectorError
from connectors.sinks.content import Person

__all__ = ["BadToken", "SignOff", "UnsubscribeTokens"]

_KEY_BYTES: Final = 64
"""AES-SIV with two keys of 256 bits."""

_CONTEXT: Final = b"restock unsubscribe token 1"
"""Binds the key to this use and to the layout of `_Sealed`: another layout, another number."""


class BadToken(ConnectorError):  # noqa: N818 - as in connectors.errors
    """A token was not made with this secret, or was changed or cut on its way."""


@dataclass(frozen=True, slots=True)
class SignOff:
    """What a token says.

    Attributes:
        variant_ids: of what they no longer want to hear, at least one.
        profile: who, by all the identifiers of their sign-up.
    """

    variant_ids: tuple[str, ...]
    profile: Person


class _Sealed(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The content of a token, in this order."""

    variant_ids: tuple[str, ...]
    id: str | None
    external_id: str | None
    email: str | None
    phone_number: str | None


class UnsubscribeTokens:
    """Seals tokens and opens them again.

    Args:
        secret: at least 32 characters that cannot be guessed; the key is derived from it (HKDF,
            RFC 5869). Links in mails that were sent stop working when it changes.
    """

    def __init__(self, secret: str) -> None:
        derive = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_CONTEXT)
        self._cipher = AESSIV(derive.derive(secret.encode()))
        self._decode = msgspec.msgpack.Decoder(_Sealed).decode

    def seal(self, variant_ids: Sequence[str], profile: Person) -> str:
        """Make the token of a person and variants: base64url without padding (RFC 4648)."""
        content = msgspec.msgpack.encode(
            _Sealed(
                tuple(variant_ids),
                profile.id,
                profile.external_id,
                profile.email,
                profile.phone_number,
            )
        )
        sealed = self._cipher.encrypt(zlib.compress(content, 9), None)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, token: str) -> SignOff:
        """Read a token; padding that a program added on its way does no harm.

        Raises:
            BadToken: it was made with another secret, changed, cut off, or is none.
        """
        try:
            bare = token.rstrip("=")
            sealed = base64.b64decode(bare + "=" * (-len(bare) % 4), b"-_", validate=True)
            content = self._decode(zlib.decompress(self._cipher.decrypt(sealed, None)))
        except (InvalidTag, ValueError, binascii.Error, zlib.error, msgspec.MsgspecError):
            message = "the unsubscribe token is not valid: it was changed, cut off, or made with "
            raise BadToken(message + "another unsubscribe_secret") from None
        return SignOff(
            content.variant_ids,
            Person(content.id, content.external_id, content.email, content.phone_number),
        )
