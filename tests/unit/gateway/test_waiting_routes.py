# SPDX-License-Identifier: Apache-2.0
"""Who waits for what over HTTP: listed by page, looked up with their place, cancelled."""

from dataclasses import dataclass, field

import pytest
from starlette.datastructures import QueryParams
from starlette.testclient import TestClient

from connectors.sinks.content import Person
from gateway.waiting_asking import read_filter
from gateway.waiting_queries import ListUnreadable, Waiting
from gateway.waiting_routes import router
from tests.support.gateway_doors import KEY, RememberingDesk, client_of, entrance_of, settings_of

PATH = "/api/back-in-stock-subscriptions"
AUTHORISED = {"Authorization": f"Klaviyo-API-Key {KEY}"}
ASKED_AT = 1_790_000_000_000
KIM = Person(email="Kim@shop.example")


def waiting(number: int) -> Waiting:
    """One of Kim's sign-ups."""
    return Waiting(
        id=f"{number:032x}",
        variant_id=f"$custom:::$default:::{number}",
        profile=KIM,
        channels=("EMAIL",),
        locale="sv-SE",
        market=None,
        priority=0,
        subscribed_at=ASKED_AT + number,
        expires_at=None,
        position=3,
        waiting=7,
    )


@dataclass
class KnownList:
    """A list that is known by heart."""

    people: dict[str, list[Waiting]] = field(default_factory=dict)
    is_ready: bool = True
    is_unreadable: bool = False
    as_of: int | None = ASKED_AT

    async def find(self, identity: str) -> Waiting | None:
        """Look through everybody."""
        self._check()
        everybody = [each for found in self.people.values() for each in found]
        return next((each for each in everybody if each.id == identity), None)

    async def of_person(
        self, identifier: str, *, after: tuple[int, str], limit: int
    ) -> list[Waiting]:
        """Look through a person's."""
        self._check()
        found = self.people.get(identifier, [])
        return [each for each in found if (each.subscribed_at, each.id) > after][:limit]

    def _check(self) -> None:
        if self.is_unreadable:
            raise ListUnreadable("gone")


def door(known: KnownList, desk: RememberingDesk | None = None) -> TestClient:
    """The doors to a list."""
    settings = settings_of()
    return client_of(router(desk or RememberingDesk(), entrance_of(settings), known))


def kims(count: int) -> KnownList:
    """A list on which only Kim is."""
    return KnownList({"email:kim@shop.example": [waiting(number) for number in range(count)]})


def test_entry_says_all_but_who() -> None:
    """A JSON:API resource with the place in the queue; the address is the caller's already."""
    answer = door(kims(1)).get(f"{PATH}?filter[email]=kim@SHOP.example", headers=AUTHORISED)

    assert "application/vnd.api+json" == answer.headers["Content-Type"]
    (entry,) = answer.json()["data"]
    assert entry == {
        "type": "back-in-stock-subscription",
        "id": "0" * 32,
        "attributes": {
            "channels": ["EMAIL"],
            "subscribed_at": "2026-09-21T14:13:20.000Z",
            "expires_at": None,
            "locale": "sv-SE",
            "market": None,
            "priority": 0,
            "position": 3,
            "waiting": 7,
        },
        "relationships": {
            "variant": {"data": {"type": "catalog-variant", "id": "$custom:::$default:::0"}}
        },
        "links": {"self": f"{PATH}/{'0' * 32}"},
    }
    assert {"as_of": "2026-09-21T14:13:20.000Z"} == answer.json()["meta"]
    assert "no-store" == answer.headers["Cache-Control"]


def test_pages_follow_each_other() -> None:
    """`links.next` leads through the whole list, each once, to a page that has none."""
    client = door(kims(5))
    found, link = [], f"{PATH}?filter[email]=kim@shop.example&page[size]=2"
    while link:
        page = client.get(link, headers=AUTHORISED).json()
        found.append(
            [entry["relationships"]["variant"]["data"]["id"][-1] for entry in page["data"]]
        )
        link = page["links"]["next"]

    assert [["0", "1"], ["2", "3"], ["4"]] == found


@pytest.mark.parametrize(
    "query",
    [
        'filter=equals(email,"kim@shop.example")',
        "filter=equals(email,'kim@shop.example')",
        "filter[email]=%20KIM@shop.example",
    ],
)
def test_filters_of_either_form(query: str) -> None:
    """JSON:API's usual form and Klaviyo's; addresses count as docs/semantics.md says."""
    assert 1 == len(door(kims(1)).get(f"{PATH}?{query}", headers=AUTHORISED).json()["data"])


def test_a_plus_sign_need_not_be_escaped() -> None:
    """In an address it means a blank, and no number begins with one."""
    for written in ("+46701234567", "%2B46701234567"):
        query = QueryParams(f"filter[phone_number]={written}")
        assert "phone:+46701234567" == read_filter(query)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("", "filter"),
        ("filter[email]=", "filter"),
        ("filter[phone_number]=none", "filter"),
        ("filter[shoe]=42", "filter"),
        ("filter=equals(shoe,'42')", "filter"),
        ("filter=any(email,[])", "filter"),
        ("filter[email]=a@b.example&filter[email]=c@d.example", "filter"),
        ("filter[email]=a@b.example&filter[external_id]=1", "filter"),
        ("filter[email]=a@b.example&page[size]=0", "page[size]"),
        ("filter[email]=a@b.example&page[size]=101", "page[size]"),
        ("filter[email]=a@b.example&page[size]=many", "page[size]"),
        ("filter[email]=a@b.example&page[cursor]=%00", "page[cursor]"),
        ("filter[email]=a@b.example&page[cursor]=AAAA", "page[cursor]"),
    ],
)
def test_wrong_parameters_are_named(query: str, parameter: str) -> None:
    """400, with the parameter that is wrong."""
    answer = door(kims(1)).get(f"{PATH}?{query}", headers=AUTHORISED)

    assert 400 == answer.status_code
    assert {"parameter": parameter} == answer.json()["errors"][0]["source"]


def test_cancelling_signs_off() -> None:
    """204 when Kafka has it; by all the identifiers of the sign-up."""
    desk = RememberingDesk()

    answer = door(kims(2), desk).delete(f"{PATH}/{1:032x}", headers=AUTHORISED)

    assert (204, b"") == (answer.status_code, answer.content)
    assert [("cancel", ("$custom:::$default:::1",), KIM)] == desk.left
    assert waiting(1).subscribed_at == desk.not_before


def test_cancelling_is_only_said_when_it_is_written() -> None:
    """503 while Kafka is away."""
    client = door(kims(1), RememberingDesk(is_away=True))

    assert 503 == client.delete(f"{PATH}/{0:032x}", headers=AUTHORISED).status_code


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("identity", ["f" * 32, "F" * 32, "none", "%00", "0" * 31])
def test_unknown_ids_are_not_found(method: str, identity: str) -> None:
    """Nobody waits by them, or nobody could."""
    desk = RememberingDesk()

    answer = door(kims(1), desk).request(method, f"{PATH}/{identity}", headers=AUTHORISED)

    assert 404 == answer.status_code
    assert [] == desk.left


@pytest.mark.parametrize("path", [f"{PATH}?filter[email]=a@b.example", f"{PATH}/{0:032x}"])
def test_only_servers_may_ask(path: str) -> None:
    """Who waits is nobody's business without a private key."""
    assert 401 == door(kims(1)).get(path).status_code


@pytest.mark.parametrize("known", [KnownList(is_ready=False), KnownList(is_unreadable=True)])
@pytest.mark.parametrize("path", [f"{PATH}?filter[email]=a@b.example", f"{PATH}/{0:032x}"])
def test_list_that_is_being_built_says_so(known: KnownList, path: str) -> None:
    """Rather 503 than an answer from half a list."""
    answer = door(known).get(path, headers=AUTHORISED)

    assert 503 == answer.status_code
    assert int(answer.headers["Retry-After"]) > 0
