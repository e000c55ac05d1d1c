"""Who sends to APNs, by which credentials, and to which of its two environments."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from notifyd.config_sections import Section
from notifyd.config_values import CaFile, wrong
from notifyd.providers._push import HttpsOrigin
from notifyd.secret_ref import SecretRef

# aioapns writes JSON with a space after each colon and comma: so many of them are left room for.
SPACES_BYTES_MAX = 128


class ApnsEnvironment(StrEnum):
    PRODUCTION = "production"
    SANDBOX = "sandbox"

    @property
    def origin(self) -> str:
        return _ORIGINS[self]


class ApnsClient(StrEnum):
    HTTP2 = "http2"
    AIOAPNS = "aioapns"


_ORIGINS = {
    ApnsEnvironment.PRODUCTION: "https://api.push.apple.com",
    ApnsEnvironment.SANDBOX: "https://api.sandbox.push.apple.com",
}


class ApnsConfig(Section):
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$")]
    """The app's bundle id."""
    key: SecretRef | None = None
    """The team's signing key, the whole .p8 file; or `certificate`."""
    key_id: Annotated[str, Field(pattern=r"^[A-Z0-9]{10}$")] | None = None
    team_id: Annotated[str, Field(pattern=r"^[A-Z0-9]{10}$")] | None = None
    certificate: Path | None = None
    """A PEM file with the app's certificate and its key, instead of `key`."""
    environment: ApnsEnvironment = ApnsEnvironment.PRODUCTION
    """Tokens of apps built for development are known to sandbox alone, all others to production."""
    base_url: HttpsOrigin | None = None
    """Instead of Apple's, for a stand-in."""
    ca_file: CaFile | None = None
    """A PEM file of authorities to trust instead of the system's."""
    rate_per_s: PositiveFloat | None = None
    """Apple names no limit."""
    batch_max: Annotated[int, Field(ge=1, le=1000)] = 100
    """Notifications handed to the connections together; each has an answer of its own."""
    in_flight_max: PositiveInt = 3_200
    """Notifications on their way at once."""
    connections_max: Annotated[int, Field(ge=1, le=64)] = 2
    client: ApnsClient = ApnsClient.HTTP2
    """http2: notifyd's own; aioapns: the library of that name, which takes many times the CPU."""

    @model_validator(mode="after")
    def _has_credentials(self) -> Self:
        if (self.key is None) == (self.certificate is None):
            raise wrong(
                "has no credentials, or two",
                "give key (with key_id and team_id), or certificate",
                "key" if self.key is not None else "",
            )
        for name in ("key_id", "team_id"):
            if self.key is not None and getattr(self, name) is None:
                raise wrong(
                    "is missing beside key", "write the 10 characters that Apple's account page shows", name
                )
        return self

    @property
    def origin(self) -> str:
        return self.base_url or self.environment.origin
