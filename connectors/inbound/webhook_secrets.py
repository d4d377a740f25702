# SPDX-License-Identifier: Apache-2.0
"""How a platform proves that a message is its own: by a signature, or by a secret in a header.

Everything is compared in constant time, and with all secrets, so that the time taken says nothing
about which of them fits. There may be several while one is replaced by another.
"""

import hmac
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from pydantic import Field, SecretStr

__all__ = ["HEADER", "HeaderSecrets", "HmacSecrets", "Secret"]

Secret = Annotated[SecretStr, Field(min_length=1)]
"""A pydantic field type: a secret that is not empty, for whom an empty one lets in."""

HEADER: Final = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
"""Names of headers (RFC 9110 section 5.6.2)."""


class HmacSecrets:
    """Signatures by HMAC-SHA256 (RFC 2104).

    Args:
        secrets: the keys; a signature by any of them is good.
    """

    def __init__(self, secrets: Sequence[SecretStr]) -> None:
        # Its state after the key is copied for each message.
        self._keyed = [
            hmac.new(secret.get_secret_value().encode(), digestmod="sha256") for secret in secrets
        ]

    def signed(self, content: bytes, signature: bytes) -> bool:
        """Say whether the bytes were signed, given the 32 bytes of their signature."""
        matches = [hmac.compare_digest(digest, signature) for digest in self._digests(content)]
        return any(matches)

    def _digests(self, content: bytes) -> list[bytes]:
        digests = []
        for keyed in self._keyed:
            mac = keyed.copy()
            mac.update(content)
            digests.append(mac.digest())
        return digests


class HeaderSecrets:
    """A header that only the platform can know, for platforms that sign nothing.

    Args:
        header: its name.
        secrets: its value, whole; any of them is good.
    """

    def __init__(self, header: str, secrets: Sequence[SecretStr]) -> None:
        self._header = header.lower()
        self._secrets = [secret.get_secret_value().encode() for secret in secrets]

    def match(self, headers: Mapping[str, str]) -> bool:
        """Say whether the header is there and right; True where there are no secrets."""
        # What cannot be encoded equals no secret.
        value = headers.get(self._header, "").encode(errors="backslashreplace")
        matches = [hmac.compare_digest(secret, value) for secret in self._secrets]
        return any(matches) or not matches
