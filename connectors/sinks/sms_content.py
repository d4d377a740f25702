# SPDX-License-Identifier: Apache-2.0
"""What a text message is made of: the number, and the text from a template of the settings."""

import phonenumbers
from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from connectors.errors import SinkError
from connectors.sinks.content import Notified, Person, Product

__all__ = ["NumberMissing", "NumberUnusable", "SmsText", "TextError", "e164"]

_SAMPLE = Notified(
    id="0123456789abcdef0123456789abcdef",
    variant_id="$custom:::$default:::SKU-MED",
    profile=Person("P1", "customer-1", "sample@example.com", "+12015550123"),
    product=Product(
        "SKU", "Canvas tote", "Medium", "https://shop.example/tote", "", "EUR", "19.00"
    ),
    quantity=3,
    subscribed_at="2026-11-20T10:00:00.000Z",
    triggered_at="2026-11-21T10:00:00.000Z",
    locale="en-GB",
    market="GB",
)


class TextError(ValueError):
    """A text cannot be made of a notification: something it shows is not known."""


class NumberMissing(ValueError):  # noqa: N818 - the name says what is the matter
    """The person has no telephone number."""


class NumberUnusable(ValueError):  # noqa: N818 - as above
    """What was given is no number that could be called."""


class SmsText:
    """Makes the text of a message.

    A template is given `product`, `quantity`, `locale`, `market`, `variant_id` and `notifications`
    (all that the message tells of; the others are of the first). A name that does not exist, and a
    value that is not known but shown, is an error; `{% if product.url %}` asks whether it is known.

    Args:
        source: the template, as the settings have it.

    Raises:
        SinkError: it does not compile, or not render with a sample of a notification.
    """

    def __init__(self, source: str) -> None:
        environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined,
            finalize=_known,
            autoescape=False,  # plain text has nothing to escape
        )
        try:
            self._template = environment.from_string(source)
            self.render([_SAMPLE])
        except TemplateSyntaxError as error:
            raise SinkError(f"text, line {error.lineno}: {error.message}") from None
        except TextError as error:
            raise SinkError(f"text: {error}; correct the template") from None

    def render(self, notifications: list[Notified]) -> str:
        """Make the text.

        Raises:
            TextError: something that it shows is not known.
        """
        first = notifications[0]
        try:
            return self._template.render(
                product=first.product,
                variant_id=first.variant_id,
                quantity=first.quantity,
                locale=first.locale,
                market=first.market,
                notifications=notifications,
            ).strip()
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise TextError(str(error)) from None


def e164(number: str | None, region: str) -> str:
    """Write a telephone number as E.164 says: `+`, the country's code and the rest, digits only.

    Whether somebody has the number is for the provider to say.

    Args:
        number: as it was given; None: there is none.
        region: two letters of the country meant where the number names none; or empty.

    Raises:
        NumberMissing: there is none.
        NumberUnusable: it is none that could be called from everywhere.
    """
    if number is None:
        raise NumberMissing
    try:
        parsed = phonenumbers.parse(number, region or None)
    except phonenumbers.NumberParseException:
        raise NumberUnusable from None
    possible = phonenumbers.is_possible_number_with_reason(parsed)
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise NumberUnusable
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _known(value: object) -> object:
    if value is None:
        raise TextError("a value is shown that is not known")
    return value
