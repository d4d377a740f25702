# SPDX-License-Identifier: Apache-2.0
"""Tokens of unsubscribe links: whole, or nothing."""

import pytest

from connectors.sinks.content import Person
from connectors.unsubscribe import BadToken, SignOff, UnsubscribeTokens

SECRET = "s" * 32
PERSON = Person(id="p1", external_id="7", email="Ann@Example.com", phone_number="+12015550100")
VARIANTS = ("$custom:::$default:::SHIRT-M", "r\u00f6d")


@pytest.mark.parametrize("person", [PERSON, Person(email="ann@example.com"), Person(id="p1")])
def test_what_is_sealed_can_be_read_again(person: Person) -> None:
    """All the identifiers that were given, as they were given, and every variant."""
    token = UnsubscribeTokens(SECRET).seal(VARIANTS, person)
    for arrived in (token, token + "=", token + "=="):
        assert SignOff(VARIANTS, person) == UnsubscribeTokens(SECRET).open(arrived)


def test_the_same_gives_the_same() -> None:
    """A mail that is sent again has the same link; another person or variant has another."""
    tokens = UnsubscribeTokens(SECRET)
    token = tokens.seal(VARIANTS, PERSON)
    assert token == UnsubscribeTokens(SECRET).seal(VARIANTS, PERSON)
    assert token != tokens.seal(VARIANTS[:1], PERSON)
    assert token != tokens.seal(VARIANTS, Person(id="p1"))


def test_it_fits_into_an_address_and_shows_nothing() -> None:
    """Only letters, digits, - and _; nothing of the person can be read from it."""
    token = UnsubscribeTokens(SECRET).seal(VARIANTS, PERSON)
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    assert "xample" not in token


def test_a_token_of_many_variants_is_short() -> None:
    """What variant ids have in common costs hardly anything: forty fit into a header's line."""
    variants = [f"$shopify:::$default:::33001893{number:06}" for number in range(40)]
    assert 800 > len(UnsubscribeTokens(SECRET).seal(variants, PERSON))


def test_whatever_was_changed_is_refused() -> None:
    """Each bit counts, and so does the length."""
    tokens = UnsubscribeTokens(SECRET)
    token = tokens.seal(VARIANTS, PERSON)
    changed = [
        f"{token[:place]}{'A' if token[place] != 'A' else 'B'}{token[place + 1 :]}"
        for place in range(len(token) - 1)
    ]
    cut = [token[:length] for length in range(len(token))]
    for wrong in [*changed, *cut, token + "AAAA", " " + token, "\u00e9", "A", "%2e"]:
        with pytest.raises(BadToken, match="unsubscribe token is not valid"):
            tokens.open(wrong)


def test_another_secret_opens_nothing() -> None:
    """Nobody makes or reads a token without the shop's secret."""
    token = UnsubscribeTokens("t" * 32).seal(VARIANTS, PERSON)
    with pytest.raises(BadToken):
        UnsubscribeTokens(SECRET).open(token)
