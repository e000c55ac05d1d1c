"""Where the relay is and how far its connection is protected."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, PositiveFloat, PositiveInt, model_validator

from notifyd.config_sections import Section
from notifyd.config_values import CaFile, wrong
from notifyd.providers._mail import Mailbox
from notifyd.secret_ref import SecretRef

_PORTS = {"smtp": 587, "smtps": 465}


def _checked_url(base_url: str) -> str:
    """Without the URL in the fault: somebody may have written a password into it."""
    mend = "write smtp://host:587 (STARTTLS) or smtps://host:465 (TLS from the first byte)"
    try:
        url = urlsplit(base_url)
        port = url.port
    except ValueError:
        raise wrong("is no URL", mend) from None
    if url.scheme not in _PORTS or not url.hostname or port == 0:
        raise wrong("is no address of a mail relay", mend)
    if url.username or url.password:
        raise wrong("holds a login", "write it into `username` and `password`")
    if url.path.strip("/") or url.query or url.fragment:
        raise wrong("goes on after the port", mend)
    return base_url


class SmtpConfig(Section):
    base_url: Annotated[str, AfterValidator(_checked_url)]
    """smtp://host:587 uses STARTTLS, smtps://host:465 TLS from the first byte."""
    sender: Mailbox
    """From: of mails whose template names no other. `Shop <shop@example.com>`."""
    reply_to: tuple[Mailbox, ...] = ()
    username: str | None = None
    password: SecretRef | None = None
    ca_file: CaFile | None = None
    """A PEM file of authorities to trust instead of the system's."""
    starttls: bool = True
    """False sends over smtp:// in the clear: to a relay on loopback, or where `plain_allowed` says so."""
    plain_allowed: bool = False
    ehlo_name: str | None = None
    """How we greet; unset: the sender's domain."""
    rate_per_s: PositiveFloat | None = None
    connections_max: PositiveInt = 10
    """Kept open; one mail at a time on each."""

    @model_validator(mode="after")
    def _protected(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise wrong("username and password go together", "give both or neither", "username")
        if self.tls_from_start or self.starttls or self.plain_allowed or _is_loopback(self.host):
            return self
        raise wrong(
            f"is false, and {self.host} is not on loopback: mails and login would be readable on the way",
            "leave starttls on, or set plain_allowed: true where the network is trusted",
            "starttls",
        )

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""

    @property
    def port(self) -> int:
        url = urlsplit(self.base_url)
        return url.port or _PORTS[url.scheme]

    @property
    def tls_from_start(self) -> bool:
        return urlsplit(self.base_url).scheme == "smtps"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
