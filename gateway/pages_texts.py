# SPDX-License-Identifier: Apache-2.0
"""What the pages say, in each language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["TEXTS", "Text"]


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a page; `{count}` is how many products, `{who}` the veiled address.

    Attributes:
        heading: and title.
        one: the first paragraph, when it is about one product.
        many: the same for several, or when it is about none.
        whose: a paragraph that names the address.
        more: further paragraphs.
        button: on the button that sends the form; empty: there is none.
    """

    heading: str
    one: str
    many: str
    whose: str = ""
    more: tuple[str, ...] = ()
    button: str = ""


_ENGLISH: Final = {
    "ask": Text(
        "Stop hearing about this?",
        "You will no longer be told when 1 product is back in stock, nor be reminded of it.",
        "You will no longer be told when {count} products are back in stock, nor be reminded of "
        "them.",
        "This is about {who}.",
        button="Do not tell me again",
    ),
    "done": Text(
        "You will not hear about this again",
        "You are off the list of 1 product.",
        "You are off the lists of {count} products.",
        more=(
            "A message that is already on its way may still arrive.",
            "If you change your mind, sign up again on the product's page.",
        ),
    ),
    "later": Text(
        "That did not work",
        "You are still on the list: we could not write it down just now.",
        "You are still on the lists: we could not write it down just now.",
        more=("Please try again in a moment.",),
        button="Try again",
    ),
    "unknown": Text(
        "This link does not work",
        "",
        "It is not complete, or too old. Please use the link in our latest message.",
    ),
}

_SWEDISH: Final = {
    "ask": Text(
        "Vill du inte höra om det här igen?",
        "Du får inte längre besked när 1 vara finns i lager igen, och ingen påminnelse.",
        "Du får inte längre besked när {count} varor finns i lager igen, och inga påminnelser.",
        "Det gäller {who}.",
        button="Påminn mig inte igen",
    ),
    "done": Text(
        "Du får inte höra om det här igen",
        "Du är borttagen från listan för 1 vara.",
        "Du är borttagen från listorna för {count} varor.",
        more=(
            "Ett meddelande som redan är på väg kan fortfarande komma fram.",
            "Om du ändrar dig kan du anmäla dig igen på varans sida.",
        ),
    ),
    "later": Text(
        "Det gick inte",
        "Du står kvar på listan: vi kunde inte anteckna det just nu.",
        "Du står kvar på listorna: vi kunde inte anteckna det just nu.",
        more=("Försök igen om en liten stund.",),
        button="Försök igen",
    ),
    "unknown": Text(
        "Länken fungerar inte",
        "",
        "Den är inte fullständig, eller för gammal. Använd länken i vårt senaste meddelande.",
    ),
}

TEXTS: Final[Mapping[str, Mapping[str, Text]]] = {"en": _ENGLISH, "sv": _SWEDISH}
"""By language and page."""
