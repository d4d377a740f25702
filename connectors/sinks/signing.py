# SPDX-License-Identifier: Apache-2.0
"""Signatures of webhooks by Standard Webhooks 1.0.0 (https://www.standardwebhooks.com).

What is signed is `id.timestamp.body`. A secret says by its prefix how: `whsec_` by HMAC-SHA256
(`v1`), `whsk_` by ed25519 (`v1a`). While a secret is replaced there are two, and as many
signatures: the receiver is content with one that it knows.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["HMAC_PREFIX", "PRIVATE_KEY_PREFIX", "Signing"]

HMAC_PREFIX: Final = "whsec_"
PRIVATE_KEY_PREFIX: Final = "whsk_"

_Sign = Callable[[bytes], bytes]

_SHORTEST: Final = 24
_LONGEST: Final = 64
_SEED: Final = 32


class Signing:
    """Signs with every secret of an endpoint.

    Args:
        secrets: as Standard Webhooks writes them; none: requests carry no signature.

    Raises:
        ValueError: one is none of those; its number in the list is said, never a part of it.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._signers = [_signer(secret, number) for number, secret in enumerate(secrets)]

    def headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """Return the three headers of a request, or the first two where there is no secret.

        Args:
            message_id: the same at every attempt. Neither it nor the time may be chosen by
                strangers, for a full stop ends each in what is signed.
            timestamp: of the attempt, seconds since the epoch.
            body: as it is sent.
        """
        headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
        if self._signers:
            content = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
            headers["webhook-signature"] = " ".join(
                f"{version},{base64.b64encode(sign(content)).decode()}"
                for version, sign in self._signers
            )
        return headers


def _signer(secret: str, number: int) -> tuple[str, _Sign]:
    for prefix, make in _MAKERS.items():
        if secret.startswith(prefix):
            try:
                return make(base64.b64decode(secret.removeprefix(prefix), validate=True))
            except binascii.Error:
                raise ValueError(f"secret {number} is not base64 behind {prefix}") from None
            except ValueError as error:
                raise ValueError(f"secret {number} {error}") from None
    raise ValueError(f"secret {number} must begin with {' or '.join(_MAKERS)}")


def _by_hmac(key: bytes) -> tuple[str, _Sign]:
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(f"must be base64 of {_SHORTEST} to {_LONGEST} bytes")
    # Its state after the key is copied: a third of the work for a body of one record.
    keyed = hmac.new(key, digestmod="sha256")

    def sign(content: bytes) -> bytes:
        mac = keyed.copy()
        mac.update(content)
        return mac.digest()

    return "v1", sign


def _by_ed25519(key: bytes) -> tuple[str, _Sign]:
    # Libraries write the seed (RFC 8032), or with the public key behind it.
    if len(key) not in {_SEED, 2 * _SEED}:
        raise ValueError("must be base64 of an ed25519 key of 32 or 64 bytes")
    private = Ed25519PrivateKey.from_private_bytes(key[:_SEED])
    if len(key) > _SEED and private.public_key().public_bytes_raw() != key[_SEED:]:
        raise ValueError("is not an ed25519 key: its second half is not the public key")
    return "v1a", private.sign


_MAKERS: Final[Mapping[str, Callable[[bytes], tuple[str, _Sign]]]] = {
    HMAC_PREFIX: _by_hmac,
    PRIVATE_KEY_PREFIX: _by_ed25519,
}
