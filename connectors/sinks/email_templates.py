# SPDX-License-Identifier: Apache-2.0
"""The templates of mails: found by name and language, checked at the start, rendered.

A message is three files: `<name>.subject.txt`, `<name>.txt` and `<name>.html`; of another language
`<name>.sv.html` or `<name>.sv-SE.html`. For somebody who signed up in "sv-SE" each of the three is
the one for "sv-SE", else for "sv", else the one without a language (RFC 4647, lookup). A directory
may replace single files of those that come with the program. What all messages share is in the
files `layout.*`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, TypedDict

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from connectors.errors import SinkError
from connectors.sinks.email_presenting import Shown, shown_line

__all__ = ["EmailTemplates", "Rendered", "Values", "load_templates"]

_PARTS: Final = (".subject.txt", ".txt", ".html")
_LOCALE: Final = re.compile(r"[a-z]{2,8}(-[a-z0-9]{1,8})*")
_LONGEST_SUBJECT: Final = 150
"""Characters: no mail program shows more."""

# What a template can raise beside errors of its own: it computes with what it is given.
_FAILURES: Final = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class Values(TypedDict):
    """What a template is given.

    Attributes:
        event: the first product.
        items: every product, the first included; more than one in a digest.
        count: how many they are.
        shop_name: the shop's name.
        step: name of the journey's step.
        locale: of the sign-up, such as "sv-SE"; empty when not known.
        unsubscribe_url: the link's address; empty when there is none.
    """

    event: Shown
    items: list[Shown]
    count: int
    shop_name: str
    step: str
    locale: str
    unsubscribe_url: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message's content: its subject in one line, and the same as text and as HTML."""

    subject: str
    text: str
    html: str


_Triplet = tuple[Template, Template, Template]


class EmailTemplates:
    """Compiled templates; made by `load_templates`.

    Args:
        triplets: subject, text and HTML by name and locale in lower case ("" for none).
        files: of every template.
    """

    def __init__(
        self, triplets: Mapping[str, Mapping[str, _Triplet]], files: Iterable[str]
    ) -> None:
        self._triplets = triplets
        self._files = frozenset(files)

    @property
    def names(self) -> frozenset[str]:
        """The names of the messages, such as "back_in_stock"."""
        return frozenset(self._triplets)

    def render(self, name: str, values: Values) -> Rendered:
        """Render a message in the language of `values`.

        Args:
            name: one of `names`.
            values: what the templates show.

        Raises:
            SinkError: a template fails; the line names its file and line, and no values.
        """
        return self._render(_lookup(self._triplets[name], values["locale"]), values)

    def check(self, samples: Iterable[Values]) -> None:
        """Render every message in every language with each of some samples.

        Raises:
            SinkError: a template fails, or a subject is empty.
        """
        for values in samples:
            for by_locale in self._triplets.values():
                for triplet in by_locale.values():
                    if not self._render(triplet, values).subject:
                        message = f"{triplet[0].filename} gives an empty subject: correct it"
                        raise SinkError(message)

    def _render(self, triplet: _Triplet, values: Values) -> Rendered:
        try:
            subject, text, html = [template.render(values) for template in triplet]
        except _FAILURES as error:
            place = self._place(error.__traceback__) or str(triplet[-1].filename)
            # An error of Jinja's names what is wrong with the template, others may quote values.
            known = isinstance(error, TemplateError)
            what = " ".join(str(error).split()).rstrip(".") if known else type(error).__name__
            message = f"{place}: the template cannot be rendered: {what}; correct it"
            raise SinkError(message) from None
        return Rendered(shown_line(subject, _LONGEST_SUBJECT), text, html)

    def _place(self, traceback: TracebackType | None) -> str | None:
        """Return file and line of the innermost template of a traceback."""
        place = None
        while traceback is not None:
            file = traceback.tb_frame.f_code.co_filename
            if file in self._files:
                place = f"{file}:{traceback.tb_lineno}"
            traceback = traceback.tb_next
        return place


def load_templates(directory: Path | None) -> EmailTemplates:
    """Compile every template.

    Args:
        directory: files that take the place of those of the same name; None: none do.

    Raises:
        SinkError: the directory is none, or a template has an error or misses one beside it.
    """
    packaged: BaseLoader = PackageLoader("connectors.sinks", "templates")
    if directory is None:
        loader = packaged
    elif directory.is_dir():
        loader = ChoiceLoader([FileSystemLoader(directory), packaged])
    else:
        raise SinkError(
            f"templates: {directory} is no directory: make it, or leave the setting out"
        )
    environment = ImmutableSandboxedEnvironment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and name.endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    compiled = {
        name: _compile(environment, name)
        for name in environment.list_templates()
        if name.endswith((".txt", ".html"))
    }
    return EmailTemplates(_triplets(compiled), [str(entry.filename) for entry in compiled.values()])


def _compile(environment: ImmutableSandboxedEnvironment, name: str) -> Template:
    try:
        return environment.get_template(name)
    except TemplateSyntaxError as error:
        place = f"{error.filename or name}:{error.lineno}"
        raise SinkError(
            f"{place}: the template has an error: {error.message}; correct it"
        ) from None
    except (OSError, UnicodeDecodeError, TemplateNotFound) as error:
        kind = type(error).__name__
        raise SinkError(f"template {name} cannot be read as UTF-8 ({kind}): correct it") from None


def _triplets(compiled: Mapping[str, Template]) -> dict[str, dict[str, _Triplet]]:
    """Find the three files of each message for each language that any of them has."""
    files: dict[str, dict[str, dict[str, Template]]] = {}
    for file, template in compiled.items():
        part = next(part for part in _PARTS if file.endswith(part))
        name, _, locale = file.removesuffix(part).partition(".")
        files.setdefault(name, {}).setdefault(part, {})[_normalised(locale)] = template
    return {
        name: {
            locale: _triplet(name, parts, locale)
            for locale in {locale for found in parts.values() for locale in found}
        }
        for name, parts in files.items()
        if ".subject.txt" in parts
    }


def _triplet(name: str, parts: Mapping[str, Mapping[str, Template]], locale: str) -> _Triplet:
    language = locale.partition("-")[0]
    found = []
    for part in _PARTS:
        by_locale = parts.get(part, {})
        match = next((tag for tag in _fallbacks(locale) if tag in by_locale), None)
        # Half a message in another language is worse than none.
        if match is None or match.partition("-")[0] != language:
            wanted = f"{name}{'.' if language else ''}{language}{part}"
            raise SinkError(f"template {wanted} is missing: write it beside the others of {name}")
        found.append(by_locale[match])
    subject, text, html = found
    return subject, text, html


def _lookup(by_locale: Mapping[str, _Triplet], locale: str) -> _Triplet:
    tags = _fallbacks(_normalised(locale))
    return next(by_locale[tag] for tag in tags if tag in by_locale)


def _normalised(locale: str) -> str:
    tag = locale.replace("_", "-").lower()
    return tag if _LOCALE.fullmatch(tag) else ""


def _fallbacks(tag: str) -> list[str]:
    """Return a tag, then what is left of it without its last parts, and "" at the end."""
    parts = tag.split("-") if tag else []
    return ["-".join(parts[:count]) for count in range(len(parts), 0, -1)] + [""]
