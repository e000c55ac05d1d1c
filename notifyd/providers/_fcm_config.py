"""Which Firebase project sends, and by which service account."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from notifyd.config_sections import Section
from notifyd.config_values import CaFile
from notifyd.providers._push import HttpsOrigin
from notifyd.secret_ref import SecretRef


class FcmConfig(Section):
    service_account: SecretRef
    """The service account's key file, the whole JSON as Google gave it."""
    project_id: Annotated[str, Field(pattern=r"^[a-z0-9:.-]{1,64}$")] | None = None
    """Unset: the service account's own project."""
    channel_id: str | None = None
    """The app's notification channel on the device; unset: the app's default."""
    base_url: HttpsOrigin = "https://fcm.googleapis.com"
    token_url: Annotated[str, Field(pattern=r"^https://")] | None = None
    """Where access tokens come from; unset: as the key file says."""
    ca_file: CaFile | None = None
    """A PEM file of authorities to trust instead of the system's."""
    rate_per_s: PositiveFloat = 10_000
    """Google allows a project 600,000 a minute unless it has raised the quota."""
    batch_max: Annotated[int, Field(ge=1, le=1000)] = 100
    """Messages handed to the connections together; each has an answer of its own."""
    in_flight_max: PositiveInt = 3_200
    """Messages on their way at once."""
    connections_max: Annotated[int, Field(ge=1, le=64)] = 4
