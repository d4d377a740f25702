# SPDX-License-Identifier: Apache-2.0
"""The sign-up snippet in a browser, on the pages of a shop that allows nothing inline."""

import json
import threading

import pytest

from tests.support.sign_up_shop import Site

CART = (
    '<form action="/cart/add"><select name="id">'
    '<option value="JUMPER-M">M</option><option value="JUMPER-L">L</option></select></form>'
)
RADIO = (
    '<form action="/cart/add"><input type="radio" name="id" value="A">'
    '<input type="radio" name="id" value="B" checked></form>'
)
STATE = "document.querySelector('.restock').dataset.state"
STATUS = "document.querySelector('.restock-status').textContent"
EMAIL = "document.querySelector('.restock-input[type=email]')"
SHOWN = "!document.querySelector('.restock').hidden"


def sign_up(site: Site, address: str = "kim@shop.example") -> None:
    """Fill in the address and press the button."""
    site.tab.look(f"{EMAIL}.focus()")
    site.tab.look(f"{EMAIL}.value = ''")
    site.tab.write(address)
    site.tab.look("document.querySelector('.restock-button').click()")


def records(site: Site) -> list[tuple[str, str]]:
    """Variant and address of what the gateway has written."""
    found = map(json.loads, site.gateway.records)
    return [(record["variant_id"], record["profile"]["email"]) for record in found]


def select(site: Site, variant: str) -> None:
    """Choose another variant, as a shopper does."""
    site.tab.look(
        f"(field => {{ field.value = '{variant}';"
        " field.dispatchEvent(new Event('change', {bubbles: true})) })"
        "(document.querySelector('form[action=\"/cart/add\"] [name=id]'))"
    )


def test_sign_up_succeeds(site: Site) -> None:
    """The variant that is chosen is signed up for; the focus is on what is said of it."""
    tab = site.open("jumper", CART)
    tab.look("addEventListener('restock:success', event => { window.heard = event.detail })")

    sign_up(site)
    tab.wait(f"{STATE} === 'done'")

    assert [("$custom:::$default:::JUMPER-M", "kim@shop.example")] == records(site)
    assert "Thank you. You are on the list." == tab.look(STATUS)
    assert "status" == tab.look("document.activeElement.getAttribute('role')")
    assert {"variant": "$custom:::$default:::JUMPER-M"} == tab.look("window.heard")
    assert [] == tab.complaints


def test_variant_is_followed(site: Site) -> None:
    """Another size is another sign-up, and coming back to the first one shows that it is done."""
    tab = site.open("jumper", CART, integration="$shopify:::$default")
    sign_up(site)
    tab.wait(f"{STATE} === 'done'")

    select(site, "JUMPER-L")
    tab.wait(f"{STATE} === 'idle'")
    sign_up(site)
    tab.wait(f"{STATE} === 'done'")
    select(site, "JUMPER-M")
    tab.wait(f"{STATE} === 'done'")

    assert ["$shopify:::$default:::JUMPER-M", "$shopify:::$default:::JUMPER-L"] == [
        variant for variant, _ in records(site)
    ]


@pytest.mark.parametrize(
    ("path", "body", "data", "variant"),
    [
        ("fixed", CART, {"variant": "OTHER"}, "$custom:::$default:::OTHER"),
        (
            "composite",
            CART,
            {"variant": "$magento_two:::1-1:::7"},
            "$magento_two:::1-1:::7",
        ),
        ("address?variant=42949672961234567", "", {}, "$custom:::$default:::42949672961234567"),
        (
            "radio",
            RADIO,
            {},
            "$custom:::$default:::B",
        ),
        (
            "hidden",
            '<form action="/en/cart/add"><input type="hidden" name="id" value="H"></form>',
            {},
            "$custom:::$default:::H",
        ),
        ("own", '<input id="sku" value="S">', {"variant_from": "#sku"}, "$custom:::$default:::S"),
        (
            "meta",
            '<meta property="product:retailer_item_id" content="M">',
            {},
            "$custom:::$default:::M",
        ),
        (
            "described",
            '<script type="application/ld+json">{"@type": "Product", "sku": "J"}</script>',
            {},
            "$custom:::$default:::J",
        ),
    ],
)
def test_variant_is_taken_from_the_page(
    site: Site, path: str, body: str, data: dict[str, str], variant: str
) -> None:
    """From the attribute, the cart's form, the address, or what describes the product."""
    name, _, query = path.partition("?")
    site.shop.add(name, body, **data)
    site.tab.go(f"{site.origin}/{name}" + (f"?{query}" if query else ""))
    site.tab.wait(SHOWN)

    sign_up(site)
    site.tab.wait(f"{STATE} === 'done'")

    assert [(variant, "kim@shop.example")] == records(site)


def test_hidden_without_a_variant(site: Site) -> None:
    """Nobody can sign up for nothing."""
    assert not site.open("nothing").look(SHOWN)


def test_shown_when_sold_out(site: Site) -> None:
    """A theme that swaps its button for another shows and hides it, without an event."""
    body = CART + '<button id="add">Buy</button>'
    tab = site.open("sometimes", body, show_when="#add[disabled]")
    assert not tab.look(SHOWN)

    tab.look("document.querySelector('#add').disabled = true")
    tab.wait(SHOWN)
    tab.look("document.querySelector('#add').disabled = false")
    tab.wait(f"!({SHOWN})")


def test_signing_up_again_is_a_success(site: Site) -> None:
    """A repeated sign-up is answered as the first one, here as by Klaviyo."""
    tab = site.open("jumper", CART)
    for _ in range(2):
        sign_up(site)
        tab.wait(f"{STATE} === 'done'")
        tab.look("document.querySelector('.restock-again').click()")

    assert 2 == len(records(site))


def test_done_is_remembered_for_the_session(site: Site) -> None:
    """The page, loaded again, says so; no address is kept."""
    tab = site.open("jumper", CART)
    sign_up(site)
    tab.wait(f"{STATE} === 'done'")

    tab.do("Page.reload")
    tab.wait(f"document.querySelector('.restock') && {STATE} === 'done'")

    kept = tab.look("JSON.stringify([Object.entries(sessionStorage), localStorage.length])")
    assert [[["restock $custom:::$default:::JUMPER-M", "1"]], 0] == json.loads(kept)
    assert "" == tab.look("document.cookie")


def test_success_is_shown_where_nothing_may_be_kept(site: Site) -> None:
    """A browser that denies storage denies nothing else."""
    tab = site.open("jumper", CART)
    tab.look("Object.defineProperty(window, 'sessionStorage', {get() { throw new Error() }}), 0")

    sign_up(site)
    tab.wait(f"{STATE} === 'done'")

    assert 1 == len(records(site))


def test_wrong_address_is_said_at_the_field(site: Site) -> None:
    """Nothing is sent; the field has the focus, is marked, and says why."""
    tab = site.open("jumper", CART)

    sign_up(site, "kim")
    tab.wait(f"{STATE} === 'error'")

    assert "true" == tab.look(f"{EMAIL}.getAttribute('aria-invalid')")
    assert tab.look(f"document.activeElement === {EMAIL}")
    described = f"document.getElementById({EMAIL}.getAttribute('aria-describedby')).textContent"
    assert "Enter your email address, such as kim@example.com." == tab.look(described)
    assert 0 == site.gateway.requests

    tab.write("@shop.example")
    assert tab.look(f"!{EMAIL}.hasAttribute('aria-invalid')")


def test_address_that_the_gateway_refuses(site: Site) -> None:
    """What the browser takes for an address and the gateway does not, is said at the field too."""
    tab = site.open("jumper", CART)

    sign_up(site, "kim@invalid")
    tab.wait(f"{STATE} === 'error'")

    assert 1 == site.gateway.requests
    assert "true" == tab.look(f"{EMAIL}.getAttribute('aria-invalid')")


def test_offline_keeps_what_was_typed(site: Site) -> None:
    """It says so, and sends by itself when the connection is back."""
    tab = site.open("jumper", CART)
    network = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    tab.do("Network.emulateNetworkConditions", offline=True, **network)

    sign_up(site)
    tab.wait(f"{STATE} === 'offline'")
    assert "You are offline. We send it when you are back." == tab.look(STATUS)
    assert "kim@shop.example" == tab.look(f"{EMAIL}.value")
    tab.do("Network.emulateNetworkConditions", offline=False, **network)
    tab.wait(f"{STATE} === 'done'")

    assert 1 == len(records(site))


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(site: Site, status: int) -> None:
    """It waits as long as it is told to, and tries again by itself."""
    site.gateway.answers.append((status, {"Retry-After": "1"}))
    tab = site.open("jumper", CART)

    sign_up(site)
    tab.wait(f"{STATE} === 'later'")
    assert tab.look("document.querySelector('.restock-button').disabled")
    tab.wait(f"{STATE} === 'done'")

    assert (2, 1) == (site.gateway.requests, len(records(site)))


def test_error_can_be_repeated(site: Site) -> None:
    """Whatever else goes wrong: the text stays, the button works."""
    site.gateway.answers.append((500, {}))
    tab = site.open("jumper", CART)

    sign_up(site)
    tab.wait(f"{STATE} === 'failed'")
    tab.look("document.querySelector('.restock-button').click()")
    tab.wait(f"{STATE} === 'done'")

    assert [("$custom:::$default:::JUMPER-M", "kim@shop.example")] == records(site)


def test_impatience_sends_once(site: Site) -> None:
    """While it is being sent the button does nothing."""
    site.gateway.held = threading.Event()
    tab = site.open("jumper", CART)

    sign_up(site)
    tab.wait(f"{STATE} === 'sending'")
    for _ in range(3):
        tab.look("document.querySelector('.restock-button').click()")
        tab.look("document.querySelector('.restock-form').requestSubmit()")
    site.gateway.held.set()
    tab.wait(f"{STATE} === 'done'")

    assert 1 == site.gateway.requests


def test_sign_up_on_its_way_outlives_a_change(site: Site) -> None:
    """It goes to the variant it was made for; the form is then for the other one."""
    site.gateway.answers.append((503, {"Retry-After": "1"}))
    tab = site.open("jumper", CART)

    sign_up(site)
    tab.wait(f"{STATE} === 'later'")
    select(site, "JUMPER-L")
    tab.wait(f"{STATE} === 'idle'")
    select(site, "JUMPER-M")
    tab.wait(f"{STATE} === 'done'")

    assert [("$custom:::$default:::JUMPER-M", "kim@shop.example")] == records(site)


def test_keyboard_is_enough(site: Site) -> None:
    """Tab to the field, type, Enter; the trap is not on the way."""
    tab = site.open("jumper", CART)
    tab.look("document.querySelector('select').focus()")

    tab.press("Tab", 9)
    assert tab.look(f"document.activeElement === {EMAIL}")
    tab.write("kim@shop.example")
    tab.press("Tab", 9)
    assert "restock-button" == tab.look("document.activeElement.className")
    tab.press("Enter", 13, text="\r")
    tab.wait(f"{STATE} === 'done'")
    tab.press("Tab", 9)
    assert "restock-again" == tab.look("document.activeElement.className")

    assert 1 == len(records(site))


def test_text_messages_need_consent_and_a_number(site: Site) -> None:
    """The number is asked for, and sent, only when the box is ticked."""
    tab = site.open("jumper", CART, channels="EMAIL SMS")
    phone = "document.querySelector('.restock-input[type=tel]')"
    assert tab.look(f"{phone}.closest('.restock-field').hidden")
    tab.look("document.querySelector('.restock-consent input').click()")
    tab.look(f"{phone}.focus()")
    tab.write("+46 70 123 45 67")

    sign_up(site)
    tab.wait(f"{STATE} === 'done'")

    (record,) = map(json.loads, site.gateway.records)
    assert ["EMAIL", "SMS"] == record["channels"]
    assert "+46701234567" == record["profile"]["phone_number"]


def test_wrong_number_is_said_at_its_field(site: Site) -> None:
    """By the pointer of the gateway's answer."""
    tab = site.open("jumper", CART, channels="EMAIL SMS")
    tab.look("document.querySelector('.restock-consent input').click()")
    tab.look("document.querySelector('.restock-input[type=tel]').value = '12'")

    sign_up(site)
    tab.wait(f"{STATE} === 'error'")

    assert "tel" == tab.look("document.activeElement.type")


def test_trap_catches_programs(site: Site) -> None:
    """What fills in every field is told that all went well, and nothing is sent."""
    tab = site.open("jumper", CART)
    tab.look("document.querySelector('[name=restock-trap]').value = 'https://spam.example'")

    sign_up(site)
    tab.wait(f"{STATE} === 'done'")

    assert 0 == site.gateway.requests


def test_nothing_becomes_markup(site: Site) -> None:
    """Neither from attributes nor from the page's data."""
    evil = "<img src=x onerror=alert(1)>"
    tab = site.open("evil", language="en", variant=evil, text_title=evil, text_done=evil)

    sign_up(site)
    tab.wait(f"{STATE} === 'done'")

    assert 0 == tab.look("document.querySelectorAll('.restock img').length")
    assert evil == tab.look("document.querySelector('.restock-title').textContent")


def test_language_is_that_of_the_page(site: Site) -> None:
    """Swedish for a Swedish page; a shop's own words before ours."""
    tab = site.open("troja", CART, language="sv-SE", text_send="Hojta till")

    assert "Slutsåld" == tab.look("document.querySelector('.restock-title').textContent")
    assert "Hojta till" == tab.look("document.querySelector('.restock-button').textContent")


def test_example_works_as_it_is(site: Site) -> None:
    """The page that comes along, under a policy without anything inline."""
    site.tab.go(f"{site.shop.gateway}/static/example.html")
    site.tab.wait("document.querySelector('.restock')")

    assert site.tab.look(SHOWN)
    assert [] == site.tab.complaints
