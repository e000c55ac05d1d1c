"""config/notifications.yaml as a catalog. Wrong entries are refused, all of them at once, each with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import (
    Field,
    HttpUrl,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from notifyd.catalog_values import Channels, Default, EventPath, Filter, Headers, MatchPattern, Sender, Tags
from notifyd.config_faults import validation_faults
from notifyd.config_sections import Section
from notifyd.config_values import wrong
from notifyd.core.catalog import DEADLINE_S, Catalog, LookupPolicy, LookupSpec, NotificationType
from notifyd.core.channel import InDoubt, Lane
from notifyd.core.message_template import MailFields
from notifyd.errors import ConfigError, Fault
from notifyd.yaml_lines import read_yaml

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
# A type's name is a folder of templates, a label of metrics and a part of log rows.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


class LookupEntry(Section):
    """Facts about the event, from a table or an HTTPS service (one of the two)."""

    key: EventPath
    """JMESPath of the key in the event."""
    table: Annotated[str, Field(min_length=1)] | None = None
    url: HttpUrl | None = None
    timeout_s: PositiveFloat = 1.0
    cache_ttl_s: Annotated[float, Field(ge=0)] = 5.0
    cache_entries_max: PositiveInt = 10_000
    on_failure: LookupPolicy = LookupPolicy.RETRY

    @model_validator(mode="after")
    def _one_place(self) -> LookupEntry:
        if (self.table is None) == (self.url is None):
            raise wrong("names both a table and a url, or neither", "name one of the two")
        if self.url is not None and self.url.scheme != "https" and self.url.host not in _LOOPBACK:
            raise wrong(f"is {str(self.url)!r}", "use https; http is for loopback alone", "url")
        return self


class TypeEntry(Section):
    """One notification type, under its name."""

    match: MatchPattern
    """Event pattern over the event's envelope."""
    users: EventPath
    """JMESPath of the user id, or ids, in the event."""
    category: Annotated[str, Field(min_length=1)]
    """What users switch on and off."""
    channels: Annotated[Channels, Field(min_length=1)]
    template: Name | None = None
    """The templates' folder; unset: the type's own name."""
    data: EventPath | None = None
    """JMESPath of what templates see as `data`; unset: the whole event."""
    lane: Lane = Lane.TRANSACTIONAL
    deadline_s: PositiveFloat = DEADLINE_S
    """From the event's arrival; afterwards nothing is sent any more."""
    in_doubt: InDoubt = InDoubt.RESEND
    default: Default = True
    """For users without settings, or without a word on the category."""
    sender: Sender | None = None
    headers: Headers = Field(default_factory=dict)
    tags: Tags = Field(default_factory=dict)
    lookups: dict[Name, LookupEntry] = Field(default_factory=dict)
    filter: Filter | None = None
    """`package.module:function`, called with event, person and facts; what it says no to is suppressed."""

    @model_validator(mode="after")
    def _default_fits_channels(self) -> TypeEntry:
        if not isinstance(self.default, bool) and (others := set(self.default) - set(self.channels)):
            raise wrong(
                f"names {', '.join(sorted(others))}", f"name some of {', '.join(self.channels)}", "default"
            )
        return self


class CatalogFile(Section):
    types: Annotated[dict[Name, TypeEntry], Field(min_length=1)]


def load_catalog(path: Path) -> Catalog:
    """Raises ConfigError with every fault found."""
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        raise ConfigError([Fault(str(path), "is not a mapping", "start from `types:` and a type's name")])
    try:
        file = CatalogFile.model_validate(document.data)
    except ValidationError as error:
        raise ConfigError(validation_faults(error, CatalogFile, document.where)) from None
    return Catalog([_type(name, entry) for name, entry in file.types.items()])


def _type(name: str, entry: TypeEntry) -> NotificationType:
    return NotificationType(
        name=name,
        match=entry.match,
        users=entry.users,
        category=entry.category,
        channels=entry.channels,
        template=entry.template or name,
        data=entry.data,
        lane=entry.lane,
        deadline_s=entry.deadline_s,
        in_doubt=entry.in_doubt,
        default=entry.default,
        mail_fields=MailFields(entry.sender, tuple(entry.headers.items()), tuple(entry.tags.items())),
        lookups=tuple(_lookup(name, lookup) for name, lookup in entry.lookups.items()),
        filter=entry.filter,
    )


def _lookup(name: str, entry: LookupEntry) -> LookupSpec:
    return LookupSpec(
        name=name,
        key=entry.key,
        table=entry.table,
        url=str(entry.url) if entry.url is not None else None,
        timeout_s=entry.timeout_s,
        cache_ttl_s=entry.cache_ttl_s,
        cache_entries_max=entry.cache_entries_max,
        on_failure=entry.on_failure,
    )
