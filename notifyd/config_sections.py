"""The sections of config/notifyd.yaml. A docstring under a key is its description in the JSON Schema."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from notifyd.config_values import Bytes, CaFile, Dedupe, DedupeChoice, FilterCriteria, Start, wrong
from notifyd.core.channel import Channel
from notifyd.core.decode import SourceFormat
from notifyd.core.filter_criteria import SourceKind
from notifyd.core.policy import DeliveryMode
from notifyd.names import LogIndex
from notifyd.secret_ref import SecretRef

Weight = Annotated[float, Field(ge=0, le=1000)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    """Of this config, or an entry of the catalog."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,  # YAML has .inf and .nan, and no wait or rate may be without an end
    )


class AwsSection(Section):
    """Endpoints follow AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE>, credentials AWS's usual chain."""

    region: str | None = None
    """Unset: AWS_REGION or the profile's."""
    request_timeout_s: PositiveFloat = 5
    ca_file: CaFile | None = None
    """A PEM file of authorities to trust instead of the system's."""


class ApiSection(Section):
    host: str = "127.0.0.1"
    port: Port = 8080
    enabled: Literal[False] = False
    """There is no public API yet: the port stays closed."""


class AdminSection(Section):
    """/livez /readyz /healthz /metrics: nothing personal, but keep it inside the pod's network."""

    host: str = "0.0.0.0"  # noqa: S104 - probes and the scraper come from outside the container
    port: Port = 8081


class SourceSection(Section):
    kind: SourceKind
    name: str | None = None
    """The table or the stream; unset: `<prefix>-events`."""
    format: SourceFormat = SourceFormat.AUTO
    starting_position: Start | None = None
    """Only for the first start: LATEST, TRIM_HORIZON or a time. A stream that has data needs one."""
    filter_criteria: FilterCriteria = ()
    """Event patterns as Lambda's FilterCriteria has them; a record passes that matches any of them."""
    event_id: str | None = None
    """JMESPath of an event's own id; unset: made of the record's key and sequence number; of a table's
    change that came through Kinesis, which may bring it twice, of what the change says."""
    dedupe: DedupeChoice = Dedupe.AUTO
    """Whether an event whose own id came before is sent no second time. auto: on, unless the source is a table
    whose filter_criteria let nothing but INSERT through: there an event is one item."""
    dedupe_window_s: Annotated[float, Field(gt=0, le=86_400)] = 900
    """How long after an event its repeats are looked for; the delivery log tells what is one."""
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 1000
    record_age_max_s: PositiveFloat | None = None
    """Events older than this are accounted as expired, not sent."""
    poll_interval_ms: Annotated[int, Field(ge=1)] = 200
    """Kinesis allows five reads a second and shard, over all its consumers. It grows by half where many shards
    bring a handful of records each."""
    idle_poll_max_s: PositiveFloat = 5
    """A shard without news is asked ever more rarely, down to this."""

    def dedupes(self, *, inserts_only: bool) -> bool:
        return self.dedupe is Dedupe.ON or (self.dedupe is Dedupe.AUTO and not inserts_only)

    @model_validator(mode="after")
    def _fits_the_service(self) -> SourceSection:
        if self.kind is SourceKind.DYNAMODB and self.batch_size > 1000:
            raise wrong(f"is {self.batch_size}", "DynamoDB Streams reads at most 1000", "batch_size")
        return self


class LedgerSection(Section):
    slots_max: PositiveInt = 4000
    """Deliveries begun and not yet settled, a process: the bound on duplicates of one crash."""
    commit_interval_ms: PositiveInt = 100
    span_max: Annotated[int, Field(ge=1024)] = 65_536
    """Positions between a shard's checkpoint and the last one claimed."""
    renew_interval_s: PositiveFloat = 3
    failover_time_s: PositiveFloat = 15
    """A worker whose heartbeat stood still for so long is dead and its shards are taken."""
    scan_interval_s: PositiveFloat = 1
    leases_max: PositiveInt = 1000
    """Shards of one worker, at most; an alert says when all workers together cannot hold the stream's."""
    bytes_in_process_max: Bytes = ByteSize(64 * 1024 * 1024)


class DeliverySection(Section):
    mode: DeliveryMode = DeliveryMode.DRY_RUN
    """send; dry_run: everything but the send, accounted as suppressed; redirect: all to `redirect_to`."""
    redirect_to: dict[Channel, str] = Field(default_factory=dict)
    recipients_allow: tuple[str, ...] | None = None
    """Addresses, or `@example.com` for a domain; others are suppressed as not_allowed. Unset: everybody."""
    send_timeout_s: PositiveFloat = 5
    queue_wait_max_s: PositiveFloat = 5
    """A delivery not begun by then goes to the retry queue; that is no attempt."""
    linger_ms: Annotated[int, Field(ge=0, le=1000)] = 10
    """How long a batch that is not full waits for more."""
    attempts_max: PositiveInt = 10
    look_up_wait_s: PositiveFloat = 900
    """Of types with in_doubt look_up: what nobody could tell of by then is sent again, as a possible duplicate."""
    backoff_base_s: PositiveFloat = 1
    backoff_max_s: PositiveFloat = 900
    drain_timeout_s: PositiveFloat = 25


class RetrySection(Section):
    visibility_s: Annotated[int, Field(ge=10, le=43_200)] = 60
    receive_wait_s: Annotated[int, Field(ge=0, le=20)] = 5
    """Short enough for the drain to see a receive to its end: a cancelled one hides what it took."""
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    """Receivers a channel."""


class DirectorySection(Section):
    cache_ttl_s: Annotated[float, Field(ge=0)] = 5
    cache_entries_max: PositiveInt = 200_000
    remove_dead_addresses: bool = True
    """Takes a device token that its provider calls gone out of the contacts, unless it was registered later, and
    marks other dead addresses there as suppressed."""


class LogSection(Section):
    flush_ms: Annotated[int, Field(ge=0, le=1000)] = 25
    ttl_days: Annotated[int, Field(ge=14)] = 14
    """A redrive must still find what was accepted, and a DLQ keeps a message for 14 days."""
    indexes: tuple[LogIndex, ...] = (LogIndex.USER,)
    """A subset of user, delivery, position; each costs a write unit a row."""


class TemplatesSection(Section):
    folder: Path = Path("config/templates")
    s3: Annotated[str, Field(pattern=r"^s3://[^/]+(/.*)?$")] | None = None
    """`s3://bucket/prefix`, instead of the folder."""
    refresh_s: PositiveFloat = 60

    @model_validator(mode="after")
    def _one_place(self) -> TemplatesSection:
        if self.s3 and "folder" in self.model_fields_set:
            raise wrong(f"is {self.s3!r} beside folder {str(self.folder)!r}", "keep one of the two", "s3")
        return self


class IdentityKey(Section):
    model_config = ConfigDict(coerce_numbers_to_str=True)  # YAML reads `version: 1` as a number

    version: Annotated[str, Field(min_length=1)]
    secret: SecretRef


class IdentitySection(Section):
    keys: Annotated[tuple[IdentityKey, ...], Field(min_length=1)]
    """HMAC keys of the delivery ids. The first is used; the others stay as long as the log's rows live."""


class ChannelSection(Section):
    """One provider, or several with weights (one of the two)."""

    provider: str | None = None
    providers: Annotated[dict[str, Weight], Field(min_length=1)] | None = None
    """Each with its weight: what share of the channel it gets while all are well."""

    @model_validator(mode="after")
    def _one_form(self) -> ChannelSection:
        if (self.provider is None) == (self.providers is None):
            raise wrong("names both a provider and providers, or neither", "write `provider: name`")
        return self

    @property
    def weights(self) -> dict[str, float]:
        """By the provider's name."""
        return self.providers or {self.provider or "": 1.0}


class AlertsSection(Section):
    topic: str | None = None
    """An SNS topic's name; unset: `<prefix>-alerts`."""
    fold_s: PositiveFloat = 60
    """The same alert is raised once in so long."""


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class TelemetrySection(Section):
    log_level: LogLevel = LogLevel.INFO
