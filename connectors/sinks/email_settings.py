# SPDX-License-Identifier: Apache-2.0
"""How mail is sent: the settings of a sink of the kind `email`."""

import re
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parseaddr
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from connectors.durations import Duration

__all__ = ["EmailSettings", "Mailbox", "Security", "mailbox"]

Security = Literal["starttls", "tls", "none"]

_USUAL_PORT: Final[Mapping[Security, int]] = {"starttls": 587, "tls": 465, "none": 25}
_NOT_IN_A_LINE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SHORTEST_SECRET: Final = 32

Mailbox = tuple[str, str, str]
"""Display name (may be empty), ASCII address, and the address's domain in ASCII."""


def mailbox(text: str) -> Mailbox:
    """Read an address of the shop's own, with or without a display name.

    Raises:
        ValueError: it is none, or its local part is not ASCII, which servers need not take.
    """
    name, address = parseaddr(text)
    try:
        checked = validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        message = f'expected an address such as "Shop <hello@shop.example>": {error}'
        raise ValueError(message) from None
    if checked.ascii_email is None or checked.ascii_domain is None:
        raise ValueError("the part before the @ must be ASCII")
    return _single_line(name), checked.ascii_email, checked.ascii_domain


def _single_line(text: str) -> str:
    if _NOT_IN_A_LINE.search(text):
        raise ValueError("must be a single line without control characters")
    return text


def _check_mailbox(text: str) -> str:
    mailbox(_single_line(text))
    return text


def _check_link(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.netloc or not re.fullmatch(r"[!-;=?-~]+", text):
        message = 'expected the https address before the token, such as "https://shop.example/u/"'
        raise ValueError(message)
    return text


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


OwnAddress = Annotated[str, AfterValidator(_check_mailbox)]
Line = Annotated[str, AfterValidator(_single_line)]


class EmailSettings(BaseModel):
    """Mail through an SMTP server: a sink of the kind `email`.

    Attributes:
        kind: "email".
        host: The SMTP server's name or address.
        port: The SMTP server's port; none: 587 for "starttls", 465 for "tls", 25 for "none".
        security: "starttls": encrypted after a greeting; "tls": from the first byte on; "none": not
            encrypted, only to this machine itself unless allow_plaintext says otherwise.
        allow_plaintext: Whether mail and password may cross a network in the clear.
        ca_file: Certificates in PEM that are trusted beside those of the system.
        user: The name to log in with; none: no login.
        password: The password to log in with.
        ehlo_name: The name by which this machine greets the server; none: its own.
        timeout: How long one mail may take, with connecting, until it counts as not sent.
        connections: Connections to the server at most, and so mails under way at once.
        batch: Mails that are written ahead for a connection. As many for each connection may arrive
            twice after a crash.
        messages_per_connection: A connection is replaced after so many mails.
        idle_timeout: A connection that was not used for so long is replaced before the next mail.
        from_address: The sender, such as "Shop <hello@shop.example>".
        reply_to: Where answers go; none: to the sender.
        shop_name: The shop's name in mails; none: the sender's display name, or its domain.
        templates: A directory with templates that take the place of those of the same name.
        small_quantity: "Only N left" is said when so few or fewer are left; 0: never.
        unsubscribe_url: The https address to which an unsubscribe link's token is appended; it
            must answer POST as RFC 8058 says; none: no such link.
        unsubscribe_secret: From which the tokens' key is made, at least 32 characters.
        unsubscribe_mailto: An address to which people may write to unsubscribe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    kind: Literal["email"] = "email"
    host: Line = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65_535)
    security: Security = "starttls"
    allow_plaintext: bool = False
    ca_file: Annotated[Path | None, Field(strict=False)] = None
    user: Line | None = Field(default=None, min_length=1)
    password: SecretStr | None = None
    ehlo_name: str | None = Field(default=None, pattern=r"^[!-~]+$")
    timeout: Duration = Field(default=timedelta(seconds=60), gt=timedelta(0))
    connections: int = Field(default=4, ge=1, le=1000)
    batch: int = Field(default=4, ge=1, le=1000)
    messages_per_connection: int = Field(default=100, ge=1)
    idle_timeout: Duration = timedelta(seconds=30)
    from_address: OwnAddress
    reply_to: OwnAddress | None = None
    shop_name: Line | None = Field(default=None, min_length=1)
    templates: Annotated[Path | None, Field(strict=False)] = None
    small_quantity: int = Field(default=10, ge=0)
    unsubscribe_url: Annotated[str, AfterValidator(_check_link)] | None = None
    unsubscribe_secret: SecretStr | None = None
    unsubscribe_mailto: OwnAddress | None = None

    @field_validator("unsubscribe_secret")
    @classmethod
    def _check_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < _SHORTEST_SECRET:
            raise ValueError(f"must have at least {_SHORTEST_SECRET} characters")
        return secret

    @field_validator("user", "password")
    @classmethod
    def _check_ascii(cls, value: str | SecretStr | None) -> str | SecretStr | None:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text is not None and not text.isascii():
            raise ValueError("must be ASCII: the login of SMTP as it is spoken takes nothing else")
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.security == "none" and not (self.allow_plaintext or _is_loopback(self.host)):
            raise ValueError(
                'security = "none" sends mail in the clear to another machine: use "starttls" or '
                '"tls", or set allow_plaintext = true'
            )
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password go together: set both, or neither")
        if self.unsubscribe_url is not None and self.unsubscribe_secret is None:
            raise ValueError("unsubscribe_url needs an unsubscribe_secret")
        return self

    @property
    def server_port(self) -> int:
        """The port, where none is given the usual one."""
        return _USUAL_PORT[self.security] if self.port is None else self.port

    @property
    def shown_shop_name(self) -> str:
        """The name that mails give the shop."""
        name, _, domain = mailbox(self.from_address)
        return self.shop_name or name or domain
