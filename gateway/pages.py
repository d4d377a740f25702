# SPDX-License-Identifier: Apache-2.0
"""The pages that people see who leave: plain HTML, in their language, nothing loaded, no script."""

import base64
import enum
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from jinja2 import Environment, StrictUndefined, Template

from connectors.sinks.content import Person
from connectors.unsubscribe import SignOff
from gateway.pages_texts import TEXTS

__all__ = ["Page", "choose_language", "page_headers", "render"]

_STYLE: Final = """
:root { color-scheme: light dark; --page: #f3f4f5; --card: #fff; --strong: #16191c;
  --plain: #33393f; --button: #1a5fb4; --on-button: #fff; }
@media (prefers-color-scheme: dark) { :root { --page: #111417; --card: #1d2125;
  --strong: #f2f4f5; --plain: #d5d9dc; --button: #8ab8f5; --on-button: #10151b; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 16px;
  background: var(--page); color: var(--plain);
  font: 18px/1.5 -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
main { width: 100%; max-width: 480px; padding: 32px; border-radius: 8px; background: var(--card); }
h1 { margin: 0; color: var(--strong); font-size: 26px; line-height: 1.3; overflow-wrap: anywhere; }
p { margin: 12px 0 0; overflow-wrap: anywhere; }
button { width: 100%; margin-top: 24px; padding: 14px 28px; border: 0; border-radius: 6px;
  background: var(--button); color: var(--on-button); font: inherit; font-weight: 600;
  cursor: pointer; }
button:focus-visible { outline: 3px solid var(--strong); outline-offset: 3px; }
@media (max-width: 480px) { main { padding: 24px 20px; } }
"""

_PAGE: Final = """<!doctype html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<meta name="referrer" content="no-referrer">
<title>{{ heading }}</title>
<style>{{ style | safe }}</style>
</head>
<body>
<main>
<h1>{{ heading }}</h1>
{% for paragraph in paragraphs %}<p>{{ paragraph }}</p>
{% endfor %}{% if button %}<form method="post"><button type="submit">{{ button }}</button></form>
{% endif %}</main>
</body>
</html>
"""

_ENGLISH: Final = "en"
_WISH: Final = re.compile(
    # No space is tried twice: a header of nothing else would take minutes.
    r"\s*+([a-zA-Z]{1,8})(?:-[a-zA-Z0-9-]*+)?\s*+(?:;\s*+q=([01](?:\.[0-9]{0,3})?))?\s*+"
)


class Page(enum.Enum):
    """What a page says."""

    ASK = "ask"
    DONE = "done"
    LATER = "later"
    UNKNOWN = "unknown"


def choose_language(accepted: str) -> str:
    """Return the language of ours that is liked best; English where none is.

    Args:
        accepted: an `Accept-Language` header (RFC 9110, section 12.5.4).
    """
    best, liking = _ENGLISH, 0.0
    for wish in accepted.split(","):
        match = _WISH.fullmatch(wish)
        if match is None or match[1].lower() not in TEXTS:
            continue
        quality = float(match[2] or 1)
        if quality > liking:
            best, liking = match[1].lower(), quality
    return best


def render(page: Page, accepted: str, sign_off: SignOff | None) -> tuple[str, str]:
    """Render a page.

    Args:
        page: which.
        accepted: the `Accept-Language` header.
        sign_off: who leaves which lists; None: not known.

    Returns:
        The page, and its language.
    """
    language = choose_language(accepted)
    texts = TEXTS[language][page.value]
    count = len(sign_off.variant_ids) if sign_off is not None else 0
    who = _veiled(sign_off.profile) if sign_off is not None else None
    named = {"count": count, "who": who}
    paragraphs = [texts.one if count == 1 else texts.many]
    if who is not None and texts.whose:
        paragraphs.append(texts.whose)
    paragraphs += texts.more
    body = _template().render(
        language=language,
        style=_STYLE,
        heading=texts.heading,
        paragraphs=[paragraph.format_map(named) for paragraph in paragraphs],
        button=texts.button,
    )
    return body, language


@cache
def page_headers() -> Mapping[str, str]:
    """Return the headers of these pages: nothing is loaded, kept, framed, found or passed on."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex, nofollow",
    }


@cache
def _template() -> Template:
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(_PAGE)


def _veiled(person: Person) -> str | None:
    """Write an address so that its owner knows it, and nobody else."""
    if person.email is not None:
        name, at, domain = person.email.strip().rpartition("@")
        return f"{name[:1]}…{at}{domain}" if name else None
    if person.phone_number is not None:
        return "…" + person.phone_number.strip()[-2:]
    return None
