# SPDX-License-Identifier: Apache-2.0
"""Signatures of webhooks, checked by others' programs."""

import base64
import json
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from connectors.sinks.signing import Signing

BODY = '{"type":"stock.back","title":"Bäcka"}'.encode()
OLD = "whsec_" + base64.b64encode(bytes(range(24))).decode()
NEW = "whsec_" + base64.b64encode(bytes(range(64))).decode()
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SEED = "whsk_" + base64.b64encode(KEY.private_bytes_raw()).decode()
PAIR = (
    "whsk_"
    + base64.b64encode(KEY.private_bytes_raw() + KEY.public_key().public_bytes_raw()).decode()
)


def test_the_reference_verifies_it() -> None:
    """By the package of Standard Webhooks, with the secret that signed it and no other."""
    headers = Signing([OLD]).headers("id.first.sms", int(time.time()), BODY)
    assert json.loads(BODY) == Webhook(OLD).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(BODY + b" ", headers)


def test_two_secrets_make_two_signatures() -> None:
    """While a secret is replaced, a receiver may know either."""
    headers = Signing([NEW, OLD]).headers("id", int(time.time()), BODY)
    assert 2 == len(headers["webhook-signature"].split(" "))
    for secret in (OLD, NEW):
        Webhook(secret).verify(BODY, headers)


@pytest.mark.parametrize("secret", [SEED, PAIR])
def test_ed25519_is_verified_by_the_public_key(secret: str) -> None:
    """Of the id, the time and the body, whichever of its two forms the key is written in."""
    headers = Signing([secret]).headers("id", 1_795_262_400, BODY)
    version, _, signature = headers["webhook-signature"].partition(",")
    assert "v1a" == version
    KEY.public_key().verify(base64.b64decode(signature), b"id.1795262400." + BODY)
    with pytest.raises(InvalidSignature):
        KEY.public_key().verify(base64.b64decode(signature), b"id.1795262401." + BODY)


def test_kinds_of_secrets_may_be_mixed() -> None:
    """An endpoint can move from one kind to the other."""
    headers = Signing([SEED, OLD]).headers("id", int(time.time()), BODY)
    assert ["v1a", "v1"] == [
        part.partition(",")[0] for part in headers["webhook-signature"].split(" ")
    ]
    Webhook(OLD).verify(BODY, headers)


def test_without_secrets_there_is_no_signature() -> None:
    """The id and the time are sent all the same."""
    headers = Signing([]).headers("id", 7, BODY)
    assert {"webhook-id": "id", "webhook-timestamp": "7"} == headers


def _base64(size: int) -> str:
    return base64.b64encode(bytes(size)).decode()


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ("whsec_" + _base64(23), "secret 1 must be base64 of 24 to 64 bytes"),
        ("whsec_" + _base64(65), "secret 1 must be base64 of 24 to 64 bytes"),
        ("whsec_not base64!", "secret 1 is not base64 behind whsec_"),
        (_base64(32), "secret 1 must begin with whsec_ or whsk_"),
        ("whsk_" + _base64(33), "secret 1 must be base64 of an ed25519 key"),
        ("whsk_" + _base64(64), "secret 1 is not an ed25519 key"),
    ],
)
def test_a_bad_secret_is_named_by_its_number(secret: str, problem: str) -> None:
    """Counted from 0, and never shown."""
    with pytest.raises(ValueError, match=problem) as caught:
        Signing([OLD, secret])
    assert secret not in str(caught.value)
