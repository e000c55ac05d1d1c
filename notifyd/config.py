"""config/notifyd.yaml with the environment over it. The only reader of the environment.

Each key can be overridden: NOTIFYD_DELIVERY__MODE=send, NOTIFYD_SOURCES__0__KIND=kinesis; whole lists and
mappings as JSON. All faults are reported at once, each with its place, value and mend.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, create_model
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from notifyd import config_sections as sections
from notifyd.config_env import Environment, overlay
from notifyd.config_faults import nearest, validation_faults
from notifyd.config_rules import broken_rules
from notifyd.config_values import Workers
from notifyd.core.channel import Channel
from notifyd.errors import ConfigError, Fault
from notifyd.names import Names
from notifyd.providers import PROVIDERS
from notifyd.yaml_lines import Loc, read_yaml

_fields: dict[str, Any] = {name: (entry.config_model | None, None) for name, entry in PROVIDERS.items()}
ProvidersSection = create_model("ProvidersSection", __base__=sections.Section, **_fields)


class Config(BaseSettings):
    """`load_config` makes one; it also checks across the sections."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
        env_prefix="NOTIFYD_",
        env_nested_delimiter="__",
        env_parse_none_str="null",
        env_ignore_empty=True,
    )

    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,60}$")] = "notifyd"
    """The start of every name in AWS: tables, queues, topic, stream."""
    workers: Workers = 1
    """Processes, or `auto`: one for each core that this one may use, by affinity and CPU quota. Slots and bytes
    are each process's own."""
    aws: sections.AwsSection = sections.AwsSection()
    api: sections.ApiSection = sections.ApiSection()
    admin: sections.AdminSection = sections.AdminSection()
    sources: Annotated[tuple[sections.SourceSection, ...], Field(min_length=1)]
    ledger: sections.LedgerSection = sections.LedgerSection()
    delivery: sections.DeliverySection = sections.DeliverySection()
    retry: sections.RetrySection = sections.RetrySection()
    directory: sections.DirectorySection = sections.DirectorySection()
    log: sections.LogSection = sections.LogSection()
    templates: sections.TemplatesSection = sections.TemplatesSection()
    catalog: Path = Path("config/notifications.yaml")
    """The notification types."""
    identity: sections.IdentitySection
    channels: Annotated[dict[Channel, sections.ChannelSection], Field(min_length=1)]
    """Which provider delivers what; a channel that is not here is not used."""
    providers: ProvidersSection = ProvidersSection()  # type: ignore[valid-type] # made of PROVIDERS above
    alerts: sections.AlertsSection = sections.AlertsSection()
    telemetry: sections.TelemetrySection = sections.TelemetrySection()

    @property
    def names(self) -> Names:
        return Names(self.prefix)

    def source_name(self, source: sections.SourceSection) -> str:
        """The table or stream that a source reads."""
        return source.name or self.names.events

    def provider(self, name: str) -> sections.Section:
        """The section of a provider that a channel uses, of its own model."""
        section: sections.Section = getattr(self.providers, name)
        return section

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is passed in is all there is: `load_config` has laid the environment over the file."""
        return (init_settings,)


def environment() -> Mapping[str, str]:
    """The process's environment, read here and nowhere else."""
    return os.environ  # noqa: TID251 - the one place


def load_config(path: Path, environ: Mapping[str, str]) -> Config:
    """Reads the file, lays the environment over it, checks everything.

    Raises:
        ConfigError: with every fault that was found.
    """
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        raise ConfigError([Fault(str(path), "is not a mapping of sections", "start from `prefix: notifyd`")])
    data = {str(key): value for key, value in document.data.items()}
    env = Environment(Config, environ)

    def where(loc: Loc) -> str:
        return env.variable_of(loc) or document.where(loc)

    known = list(Config.model_fields)
    faults = env.unknown_faults(known) + env.gap_faults(data)
    # pydantic-settings takes some of these for arguments of its own, and would read the command line.
    for key in [key for key in data if key.startswith("_")]:
        del data[key]
        faults.append(Fault(where((key,)), f"unknown key {key!r}", nearest(key, known)))
    try:
        config = Config(**_with_providers_used(overlay(data, env())))
    except ValidationError as error:
        raise ConfigError(faults + validation_faults(error, Config, where)) from None
    faults += [Fault(where(broken.loc), broken.what, broken.mend) for broken in broken_rules(config, PROVIDERS)]
    if faults:
        raise ConfigError(faults)
    return config


def _with_providers_used(data: dict[str, Any]) -> dict[str, Any]:
    """A provider that a channel uses gets a section, if an empty one: what it needs and lacks is then reported."""
    channels, written = data.get("channels"), data.get("providers", {})
    if not (isinstance(channels, dict) and isinstance(written, dict)):
        return data
    sections_used = [channel for channel in channels.values() if isinstance(channel, dict)]
    several = (channel.get("providers") for channel in sections_used)
    used = [channel.get("provider") for channel in sections_used]
    used += [name for names in several if isinstance(names, dict) for name in names]
    return data | {
        "providers": {name: {} for name in used if isinstance(name, str) and name in PROVIDERS} | written
    }
