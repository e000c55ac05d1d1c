"""config/notifications.yaml as a catalog. Wrong entries are refused, all of them at once, each with its line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from notifyd.config_faults import validation_faults
from notifyd.config_values import wrong
from notifyd.core.catalog import Catalog, FilterFunction, LookupPolicy, LookupSpec, NotificationType
from notifyd.core.channel import Channel, InDoubt, Lane
from notifyd.core.path import Path as EventPath
from notifyd.core.path import PathError, compile_path
from notifyd.core.pattern import Pattern, PatternError, compile_pattern
from notifyd.errors import ConfigError, Fault
from notifyd.yaml_lines import Document, Loc, dotted, read_yaml

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_FILTER_ARGUMENTS = ("event", "person", "facts")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class LookupEntry(_Entry):
    """Facts about the event, from a table or an HTTPS service (one of the two)."""

    key: str
    """JMESPath of the key in the event."""
    table: str | None = None
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


class TypeEntry(_Entry):
    """One notification type, under its name."""

    match: dict[str, Any]
    """Event pattern over the event's envelope."""
    users: str
    """JMESPath of the user id, or ids, in the event."""
    category: Annotated[str, Field(min_length=1)]
    """What users switch on and off."""
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]
    template: str | None = None
    """The templates' folder; unset: the type's own name."""
    data: str | None = None
    """JMESPath of what templates see as `data`; unset: the whole event."""
    lane: Lane = Lane.TRANSACTIONAL
    deadline_s: PositiveFloat = 86_400.0
    """From the event's arrival; afterwards nothing is sent any more."""
    in_doubt: InDoubt = InDoubt.RESEND
    default: bool | tuple[Channel, ...] = True
    """For users without settings, or without a word on the category."""
    sender: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)
    lookups: dict[str, LookupEntry] = Field(default_factory=dict)
    filter: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")] | None = None
    """`package.module:function`, called with event, person and facts; what it says no to is suppressed."""


class CatalogFile(_Entry):
    types: Annotated[dict[str, TypeEntry], Field(min_length=1)]


def load_catalog(path: Path) -> Catalog:
    """Raises ConfigError with every fault found."""
    document = read_yaml(path)
    try:
        file = CatalogFile.model_validate(document.data)
    except ValidationError as error:
        raise ConfigError(validation_faults(error, CatalogFile, document.where)) from None
    builder = _Builder(document)
    types = [builder.type_of(name, entry) for name, entry in file.types.items()]
    if builder.faults:
        raise ConfigError(builder.faults)
    return Catalog(types)


class _Builder:
    """Compiles what pydantic cannot judge, and gathers what does not compile."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.faults: list[Fault] = []

    def type_of(self, name: str, entry: TypeEntry) -> NotificationType:
        at: Loc = ("types", name)
        return NotificationType(
            name=name,
            match=self._pattern(entry.match, (*at, "match")),
            users=self._path(entry.users, (*at, "users")),
            category=entry.category,
            channels=entry.channels,
            template=entry.template or name,
            data=self._path(entry.data, (*at, "data")) if entry.data is not None else None,
            lane=entry.lane,
            deadline_s=entry.deadline_s,
            in_doubt=entry.in_doubt,
            default=entry.default,
            sender=entry.sender,
            headers=tuple(entry.headers.items()),
            tags=tuple(entry.tags.items()),
            lookups=tuple(
                self._lookup(lookup_name, lookup, (*at, "lookups", lookup_name))
                for lookup_name, lookup in entry.lookups.items()
            ),
            filter=self._filter(entry.filter, (*at, "filter")) if entry.filter is not None else None,
        )

    def _lookup(self, name: str, entry: LookupEntry, at: Loc) -> LookupSpec:
        return LookupSpec(
            name=name,
            key=self._path(entry.key, (*at, "key")),
            table=entry.table,
            url=str(entry.url) if entry.url is not None else None,
            timeout_s=entry.timeout_s,
            cache_ttl_s=entry.cache_ttl_s,
            cache_entries_max=entry.cache_entries_max,
            on_failure=entry.on_failure,
        )

    def _pattern(self, source: Mapping[str, Any], at: Loc) -> Pattern:
        try:
            return compile_pattern(source)
        except PatternError as error:
            for fault in error.faults:
                place = (*at, *fault.path)
                self._add(place, f"{dotted(place)} is {fault.value!r}", fault.mend)
            return compile_pattern({"source": [""]})

    def _path(self, expression: str, at: Loc) -> EventPath:
        try:
            return compile_path(expression)
        except PathError as error:
            self._add(at, str(error), "write a JMESPath expression, such as detail.user_id")
            return compile_path("detail")

    def _filter(self, reference: str, at: Loc) -> FilterFunction | None:
        module_name, _, function_name = reference.partition(":")
        try:
            function = getattr(import_module(module_name), function_name)
        except Exception as error:  # noqa: BLE001 - importing the operator's module runs the operator's code
            what = f"{reference!r} cannot be imported: {type(error).__name__}: {error}"
            self._add(at, what, "name a function as package.module:function, on PYTHONPATH")
            return None
        if not _takes_filter_arguments(function):
            mend = f"write def {function_name}({', '.join(_FILTER_ARGUMENTS)}) -> bool"
            self._add(at, f"{reference!r} does not take three arguments", mend)
            return None
        checked: FilterFunction = function
        return checked

    def _add(self, at: Loc, what: str, mend: str) -> None:
        self.faults.append(Fault(self._document.where(at), what, mend))


def _takes_filter_arguments(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(*_FILTER_ARGUMENTS)
    except (TypeError, ValueError):
        return False
    return not inspect.iscoroutinefunction(function)
