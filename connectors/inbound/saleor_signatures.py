# SPDX-License-Identifier: Apache-2.0
"""Signatures of Saleor's webhooks.

https://docs.saleor.io/developer/extending/webhooks/payload-signature

`Saleor-Signature` is HMAC-SHA256 in hexadecimal digits where a webhook has a secret key, which is
deprecated, and otherwise a JSON Web Signature (RFC 7515) by RS256 with the payload left out, which
is signed as it is (`b64` false, RFC 7797). The keys are at `/.well-known/jwks.json` of a Saleor.
"""

import base64
from collections.abc import Sequence
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

__all__ = ["DetachedSignatures", "read_keys"]

_PARTS: Final = 3
_UNENCODED: Final = "b64"


class DetachedSignatures:
    """JSON Web Signatures without their payload.

    Args:
        keys: a signature by any of them is good.
    """

    def __init__(self, keys: Sequence[RSAPublicKey]) -> None:
        self._keys = keys

    def signed(self, content: bytes, signature: str) -> bool:
        """Say whether the bytes were signed."""
        parts = signature.split(".")
        if len(parts) != _PARTS or parts[1]:
            return False
        try:
            header = _read_header(_decoded(parts[0]))
            raw = _decoded(parts[2])
        except (ValueError, RecursionError):
            return False
        if header.alg != "RS256" or not set(header.crit) <= {_UNENCODED}:
            return False
        payload = _encoded(content) if header.b64 else content
        signed = b"%b.%b" % (parts[0].encode(), payload)
        return any(self._verified(key, signed, raw) for key in self._keys)

    def _verified(self, key: RSAPublicKey, content: bytes, raw: bytes) -> bool:
        try:
            key.verify(raw, content, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True


def read_keys(text: str) -> list[RSAPublicKey]:
    """Read the RSA keys of a JSON Web Key Set (RFC 7517), as a Saleor gives it out.

    Raises:
        ValueError: it is none, or has no such key.
    """
    try:
        keys = msgspec.json.decode(text, type=_KeySet).keys
        found = [_public_key(each) for each in keys if each.kty == "RSA"]
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no JSON Web Key Set: {error}") from None
    if not found:
        raise ValueError("has no RSA key: take it from /.well-known/jwks.json")
    return found


class _Header(msgspec.Struct, frozen=True):
    alg: str
    b64: bool = True
    crit: list[str] = []


class _Key(msgspec.Struct, frozen=True):
    kty: str
    n: str = ""
    e: str = ""


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[_Key]


def _public_key(key: _Key) -> RSAPublicKey:
    modulus, exponent = (int.from_bytes(_decoded(part)) for part in (key.n, key.e))
    return RSAPublicNumbers(exponent, modulus).public_key()


_read_header: Final = msgspec.json.Decoder(_Header).decode


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encoded(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
