# SPDX-License-Identifier: Apache-2.0
"""Bodies of Klaviyo's back-in-stock calls: JSON:API documents, as its OpenAPI files have them.

The structs accept what the published schemas accept, whatever members there are beside theirs. The
one difference: there must be a profile and a variant, which the schemas leave open here and there.
Text that is looked at holds no unpaired surrogates; of a member that comes twice the last counts.
"""

import re
from typing import Annotated, Any, Final, Literal

import msgspec

from gateway.problems import Problem, invalid
from schemas.fields import Channel

__all__ = ["Identifiers", "Profile", "SubscriptionDocument", "read_document"]

_LONGEST_DETAIL: Final = 120
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]", re.ASCII)
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`", re.ASCII)


class Identifiers(msgspec.Struct, frozen=True, gc=False):
    """Who it is; any of them may be null.

    Attributes:
        email: address.
        phone_number: number.
        external_id: of the shop.
        id: of the platform; Klaviyo's schema does not name it here, so it may be anything, and its
            examples have it here.
    """

    email: Annotated[str | None, msgspec.Meta(examples=["ada@shop.example.com"])] = None
    phone_number: Annotated[
        str | None,
        msgspec.Meta(
            description="By E.164; where a region is set, also as it is written there.",
            examples=["+15005550006"],
        ),
    ] = None
    external_id: Annotated[str | None, msgspec.Meta(description="The shop's own id.")] = None
    id: Annotated[Any, msgspec.Meta(description="As beside `attributes`, which counts.")] = None


class Profile(msgspec.Struct, frozen=True, gc=False):
    """A person.

    Attributes:
        type: of the resource.
        attributes: their identifiers.
        id: of the platform.
    """

    type: Literal["profile"]
    attributes: Identifiers
    id: Annotated[str | None, msgspec.Meta(description="The platform's id.")] = None


class _ProfileLinkage(msgspec.Struct, frozen=True, gc=False):
    data: Profile


class _Variant(msgspec.Struct, frozen=True, gc=False):
    type: Literal["catalog-variant"]
    id: Annotated[
        str,
        msgspec.Meta(
            description="integrationType:::catalogId:::externalId",
            examples=["$custom:::$default:::SKU-MED"],
        ),
    ]


class _VariantLinkage(msgspec.Struct, frozen=True, gc=False):
    data: _Variant


class _Relationships(msgspec.Struct, frozen=True, gc=False):
    variant: _VariantLinkage


class _Attributes(msgspec.Struct, frozen=True, gc=False):
    channels: Annotated[
        list[Channel], msgspec.Meta(description="With none, the one that reaches the person.")
    ]
    profile: _ProfileLinkage


class _Subscription(msgspec.Struct, frozen=True, gc=False):
    type: Literal["back-in-stock-subscription"]
    attributes: _Attributes
    relationships: _Relationships


class SubscriptionDocument(msgspec.Struct, frozen=True, gc=False):
    """The body of a request for a back-in-stock subscription.

    Attributes:
        data: the subscription.
    """

    data: _Subscription


_decode: Final = msgspec.json.Decoder(SubscriptionDocument).decode


def read_document(body: bytes) -> SubscriptionDocument:
    """Read the body of a request.

    Raises:
        Problem: it is not JSON by RFC 8259, or no such document: 400, with a pointer to what is
            wrong.
    """
    try:
        # What is skipped would not be looked at.
        body.decode()
        return _decode(body)
    except msgspec.ValidationError as error:
        raise _problem_of(str(error)) from None
    except msgspec.DecodeError as error:
        raise invalid(f"The body is not JSON: {error}"[:_LONGEST_DETAIL]) from None
    except UnicodeDecodeError:
        raise invalid("The body is not UTF-8") from None
    except RecursionError:
        raise invalid("The body is nested too deep") from None


def _problem_of(message: str) -> Problem:
    """Say what msgspec says; it ends with where that is, if it is not the whole."""
    says, _, path = message.rpartition(" - at `$")
    steps = [name or number for name, number in _STEP.findall(path)]
    says = says or message
    missing = _MISSING.fullmatch(says)
    if missing is not None:
        steps.append(missing[1])
    pointer = "".join(f"/{step}" for step in steps)
    return invalid(says[:_LONGEST_DETAIL], pointer or None)
