"""What the flow needs of the outside. Adapters stand in aws/, providers/ and system.py, fakes in tests/fakes."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Protocol

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.dead_address import DeadAddress, Removal
from notifyd.core.event import Record
from notifyd.core.lease import Heartbeat, ShardItem, StreamItem
from notifyd.core.log_row import LogRow
from notifyd.core.look_up import Found
from notifyd.core.message import Delivery
from notifyd.core.outcome import Outcome
from notifyd.core.provider_standing import Seen
from notifyd.core.retry_message import DeadMessage, RetryMessage
from notifyd.core.sequence import Checkpoint
from notifyd.core.switches import Switches
from notifyd.core.user import Person
from notifyd.core.window import Progress
from notifyd.errors import DamagedItem, Fault


class Clock(Protocol):
    """Time is an input. `now_s`: epoch seconds; `elapsed_s`: only ever forward, counts a suspend too."""

    def now_s(self) -> float: ...
    def elapsed_s(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class Entropy(Protocol):
    """Randomness and ids are inputs."""

    def fraction(self) -> float:
        """Uniform in [0, 1)."""
        ...

    def token(self) -> str:
        """26 characters that nobody else has."""
        ...


# --- sources ---------------------------------------------------------------------------------------------


class ShardInfo(msgspec.Struct, frozen=True):
    """A shard as the stream lists it. `parents`: of a merge there are two. `closed`: takes no more records."""

    shard_id: str
    parents: tuple[str, ...] = ()
    closed: bool = False
    first_sequence: str = ""


class Page(msgspec.Struct):
    """What one read returned. `ended`: the shard is closed and this was its last page.

    `behind_s`: now − arrival of the last record read (MillisBehindLatest where the service says so), None
    where unknown. `caught_up`: nothing more is there at the moment. `next_read_s`: the service wants this
    much time before the next read of the shard (a 10 MiB Kinesis page).
    """

    records: list[Record]
    ended: bool = False
    caught_up: bool = False
    behind_s: float | None = None
    next_read_s: float = 0.0


class ShardReader(Protocol):
    """One shard from one place on. Reading again after an expiry goes on after the last record handed out."""

    async def read(self) -> Page:
        """The next page; it may be empty while the shard is open.

        Raises:
            TrimmedData: the stream no longer holds what comes next.
            Throttled: pause, then call again; nothing was skipped.
            AwsError, TransportError: nothing was skipped; call again.
        """
        ...


class Source(Protocol):
    """DynamoDB Streams or Kinesis. `name` is stable: shard items are keyed by it."""

    @property
    def name(self) -> str: ...

    async def list_shards(self) -> list[ShardInfo]:
        """The whole shard tree, every page of it."""
        ...

    async def holds_data(self) -> bool:
        """Whether a first start has to be told where to begin: any shard holds a record now."""
        ...

    def resolve_latest(self, now_s: float) -> Checkpoint:
        """LATEST, once: AT_TIMESTAMP where the service knows it, else TRIM_HORIZON."""
        ...

    async def retention_s(self) -> float:
        """For so long after its arrival the stream keeps a record."""
        ...

    def reader(self, shard_id: str, start: Checkpoint) -> ShardReader: ...


# --- leases ----------------------------------------------------------------------------------------------


class LeaseScan(msgspec.Struct):
    """The lease table, whole, read with strong consistency. Damaged items stand aside, each with its reason."""

    shards: list[ShardItem]
    heartbeats: list[Heartbeat]
    streams: dict[str, StreamItem]
    damaged: list[DamagedItem]


class ShardWrite(msgspec.Struct, frozen=True):
    """One write of an owner on its shard's item; the same bytes when it is sent again."""

    key: str
    owner: str
    epoch: int
    previous_commit_id: str
    commit_id: str
    progress: Progress
    finished: bool = False
    release: bool = False


class LeaseTable(Protocol):
    """Every call is one attempt that may raise AwsError or TransportError; what was done is then unknown."""

    async def scan(self) -> LeaseScan: ...
    async def beat(self, heartbeat: Heartbeat) -> None: ...
    async def remove_worker(self, worker_id: str) -> None: ...

    async def create_stream(self, item: StreamItem) -> bool:
        """False: it was initialised before, by whomever."""
        ...

    async def note_listing(self, source: str, listed: bytes) -> None: ...

    async def create_shard(self, item: ShardItem) -> None:
        """Where it exists already, it stays as it is."""
        ...

    async def take(self, seen: ShardItem, owner: str, commit_id: str) -> ShardItem | None:
        """Conditional on `seen`'s epoch and commit_id; the item as it is now ours, or None: refused."""
        ...

    async def request(self, seen: ShardItem, worker_id: str) -> bool:
        """Asks the owner to hand the shard over; False: it changed hands, or somebody else asked."""
        ...

    async def lead(self, seen: StreamItem, worker_id: str) -> bool:
        """Takes the listing of the stream's shards over from `seen.leader`; False: somebody else did."""
        ...

    async def write(self, write: ShardWrite) -> ShardItem | None:
        """None: applied. Else the condition failed, and this is the item as it stands.

        Raises:
            DamagedItem: the condition failed and the item that stands cannot be read, or is gone.
        """
        ...


# --- people ----------------------------------------------------------------------------------------------


class Directory(Protocol):
    async def look_up(self, user_ids: Collection[str]) -> Mapping[str, Person]:
        """A Person for every id asked for, unknown ones without contact and settings.

        Calls of many shards are folded into full BatchGetItem calls. Raises AwsError or TransportError
        when nothing could be read (retries are inside).
        """
        ...


class AddressBook(Protocol):
    async def remove(self, dead: DeadAddress) -> Removal:
        """Takes a device's token away, or marks another address; never what was registered after `since_s`.

        Repeatable. Raises AwsError or TransportError.
        """
        ...


class Lookup(Protocol):
    """Facts of a `lookups` entry: one table or service, keyed from the event."""

    async def fetch(self, keys: Collection[str]) -> Mapping[str, object]:
        """What is known of each key (None: known to be absent). A key that is missing failed."""
        ...


# --- sending ---------------------------------------------------------------------------------------------


class Limits(msgspec.Struct, frozen=True):
    """A provider account's limits as they stand; None: no limit known.

    `group_rate_per_s`: of deliveries with one group key (a Slack channel, a sender's number).
    """

    batch_max: int
    in_flight_max: int
    payload_bytes_max: int
    rate_per_s: float | None = None
    group_rate_per_s: float | None = None


class LookUpLimits(msgspec.Struct, frozen=True):
    """How a provider may be asked what it took.

    `settle_s`: so long after a request's end its look-up shows whether the request was taken: "not taken" is
    not believed before. `rate_per_s`: look-ups of this process; what the account's sends need is left alone.
    """

    settle_s: float
    rate_per_s: float


class Provider(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def channel(self) -> Channel: ...
    @property
    def limits(self) -> Limits: ...

    def group_key(self, delivery: Delivery) -> Hashable:
        """Deliveries of equal keys may share a request: a batch holds one key's only."""
        ...

    async def send(self, batch: Sequence[Delivery]) -> list[Outcome]:
        """One request, one attempt, whatever comes back: an outcome for each, in order.

        Raises only on bugs. The caller sets the deadline; being cancelled after bytes went out is the
        caller's Unknown.
        """
        ...

    @property
    def look_up_limits(self) -> LookUpLimits | None:
        """None: it cannot be asked what it took, and its feedback has to tell."""
        ...

    async def look_up(self, delivery: Delivery, since_s: float) -> Found:
        """Whether it took the delivery at `since_s` (epoch) or later; one request, which sends nothing.

        The delivery is rendered anew: id and address are those of the send in doubt, its words may not be.
        NotTaken is the word on which it is sent again and listed nowhere: where something found may be the
        delivery and may be another, the answer is CannotTell. The caller sets the deadline. Raises AwsError or
        TransportError, which tell nothing either.
        """
        ...

    async def refresh_limits(self) -> None:
        """Asks the provider what this account may send, where it can be asked.

        Raises AwsError or TransportError; the limits then stay as they are.
        """
        ...

    async def problems(self) -> list[Fault]:
        """What keeps it from sending as configured, where that can be told without sending: for `check`."""
        ...

    async def close(self) -> None: ...


class ProviderRoute(msgspec.Struct, frozen=True):
    """One of a channel's providers. `platform`: whose addresses it takes, where a channel has several."""

    provider: Provider
    weight: float = 1.0
    platform: str = ""


class ControlTable(Protocol):
    """What people switch for the whole fleet. Every call may raise AwsError or TransportError."""

    async def switches(self) -> Switches:
        """Strongly consistent."""
        ...

    async def report(self, worker_id: str, at_s: float, providers: Sequence[Seen]) -> None: ...


# --- records ---------------------------------------------------------------------------------------------


class DeliveryLog(Protocol):
    async def append(self, rows: Sequence[LogRow]) -> None:
        """Returns when every row is durable; repeats inside are folded. Raises when one could not be written."""
        ...

    async def claim_attempt(self, row: LogRow, until_s: float) -> LogRow | None:
        """None: this attempt is now ours until `until_s`. A row: whose it is (its detail holds `until_s`)."""
        ...

    async def rows_of_event(self, event_id: str) -> list[LogRow]:
        """Strongly consistent. A failure raises: it means not known, never absent."""
        ...


class Received(msgspec.Struct):
    """A message in hand: `receipt` deletes it; sends only while now < `visible_again_at_s` (elapsed clock)."""

    message: RetryMessage
    receipt: str
    visible_again_at_s: float


class RetryQueue(Protocol):
    """One channel's retry queue."""

    async def put(self, messages: Sequence[RetryMessage]) -> list[bool]:
        """Hands over; True where the entry was taken. Split by count and bytes; never raises for one entry."""
        ...

    async def receive(self, wait_s: float) -> list[Received]: ...
    async def delete(self, receipts: Sequence[str]) -> list[bool]: ...
    async def hide(self, receipt: str, seconds: float) -> None:
        """Leaves the message alone for so long."""
        ...

    async def depth(self) -> int:
        """Messages waiting, delayed or in hand, roughly."""
        ...


class DeadLetters(Protocol):
    async def put(self, channel: Channel | None, messages: Sequence[DeadMessage]) -> list[bool]:
        """On the channel's DLQ, or where it has none (malformed) on that of events."""
        ...

    async def depth(self, channel: Channel | None) -> int: ...


class Alerts(Protocol):
    async def raise_alert(self, subject: str, text: str) -> None:
        """Tells the people on call; folded, so that a thousand of the same are one. Never raises."""
        ...


class TemplateSource(Protocol):
    async def fetch(self, known_version: str | None) -> tuple[str, dict[str, str]] | None:
        """(version, {`<type>/<channel>.<part>`: text}), or None where `known_version` still stands."""
        ...
