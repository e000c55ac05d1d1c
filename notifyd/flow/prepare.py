"""decode → look up → decide → render, a part of a shard's records at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog

from notifyd.core.account import Account
from notifyd.core.catalog import Catalog
from notifyd.core.decode import Decoder
from notifyd.core.event import Event, Filtered, Malformed, Record
from notifyd.core.kept_event import kept
from notifyd.core.user import Person
from notifyd.core.window import Standing
from notifyd.errors import AwsError, TransportError
from notifyd.flow.backoff import Backoff
from notifyd.flow.expand import Expander, Matched, Origin, Wanted
from notifyd.flow.facts import NO_FACTS, FactFinder
from notifyd.flow.prepared import DeadEnd, Prepared, dead_body
from notifyd.flow.recover import Recoverer
from notifyd.flow.repeats import Repeats
from notifyd.flow.ticket import TicketOwner
from notifyd.flow.watch import Watch
from notifyd.ports import Clock, Directory, Entropy

log = structlog.get_logger(__name__)

# Rendered message, delivery, ticket and their places in the ledger: 3.6 KB of an event with a mail of 2 KB.
_MADE_BYTES = 4096


class SourceRules(msgspec.Struct, frozen=True):
    """`start_at_s`: what arrived earlier is before_start. `name`: as positions begin."""

    name: str
    start_at_s: float
    record_age_max_s: float | None


class Preparer:
    """One source's way from records to what they ask for."""

    def __init__(
        self,
        *,
        rules: SourceRules,
        decoder: Decoder,
        catalog: Catalog,
        directory: Directory,
        facts: FactFinder,
        expander: Expander,
        recoverer: Recoverer,
        repeats: Repeats | None,
        watch: Watch,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._rules = rules
        self._decoder = decoder
        self._catalog = catalog
        self._directory = directory
        self._facts = facts
        self._expander = expander
        self._recoverer = recoverer
        self._repeats = repeats
        self._watch = watch
        self._clock = clock
        self._entropy = entropy

    async def prepare(
        self,
        shard_id: str,
        records: Sequence[Record],
        first: int,
        standings: Sequence[Standing],
        owner: TicketOwner,
        *,
        begun_to: Callable[[int], str],
    ) -> list[Prepared]:
        """What each record asks for, in order; one that a predecessor settled asks for nothing and is left out.

        `begun_to`: of a record in doubt, by its index, how far its predecessor may have gone with its deliveries.
        """
        now_s, start_at_s = self._clock.now_s(), self._rules.start_at_s
        decoded = self._decoder.decode(shard_id, records)
        prepared: list[Prepared] = []
        matched: list[Matched] = []
        in_doubt: list[Matched] = []
        place = f"{self._rules.name}/{shard_id}/"
        # Looked up once: naming an enum's member takes 70 ns.
        settled, doubted, expanded = Standing.SETTLED, Standing.IN_DOUBT, Account.EXPANDED
        for index, (record, result, standing) in enumerate(zip(records, decoded, standings, strict=True), first):
            if standing is settled:
                continue
            entry = Prepared(index, expanded, kept_bytes(record))
            prepared.append(entry)
            if record.arrival_s < start_at_s:
                entry.account = Account.BEFORE_START
                continue
            if isinstance(result, Event):
                types = self._catalog.matching(result)
                if not types:
                    entry.account = Account.UNMATCHED
                if types or standing is doubted:
                    position = place + record.position.text()
                    origin = Origin(result, owner, index, position, kept(self._decoder, shard_id, record))
                    matched.append((entry, origin, types))
                if standing is doubted:
                    entry.begun_to = begun_to(index)
                    in_doubt.append(matched[-1])
            elif isinstance(result, Filtered):
                entry.account = Account.FILTERED
            else:
                self._malformed(entry, result, place + record.position.text(), now_s)
        if self._repeats is not None:
            await self._repeats.sift(shard_id, records, standings, matched, in_doubt)
        await self._expand(matched, now_s)
        await self._recoverer.attach(in_doubt)
        self._watch.planned(prepared)
        return prepared

    def _too_old(self, event: Event, now_s: float) -> bool:
        age_max_s = self._rules.record_age_max_s
        return age_max_s is not None and now_s - event.arrival_s > age_max_s

    async def _expand(self, matched: Sequence[Matched], now_s: float) -> None:
        wanted: list[Wanted] = []
        expanded = Account.EXPANDED
        for entry, origin, types in matched:
            if entry.account is not expanded:
                continue
            if self._too_old(origin.event, now_s):
                self._expander.expire(entry, origin, now_s)
            else:
                for one_type in types:
                    user_ids = one_type.user_ids(origin.event)
                    wanted.append(Wanted(entry, origin, one_type, user_ids, NO_FACTS))
        if not self._facts.has_none:
            facts = await self._facts.find([(want.origin.event, want.notification_type) for want in wanted])
            for want, known in zip(wanted, facts, strict=True):
                want.facts = known
        people = await self._look_up({user_id for want in wanted for user_id in want.user_ids})
        self._expander.expand(wanted, people, now_s)

    async def _look_up(self, user_ids: set[str]) -> Mapping[str, Person]:
        """Until it works: reading waits meanwhile, and nothing is decided on guesses."""
        backoff = Backoff(self._clock, self._entropy, base_s=0.2, max_s=5.0)
        while True:
            try:
                people = await self._directory.look_up(user_ids)
            except (AwsError, TransportError) as error:
                log.warning("look_up_failed", users=len(user_ids), error=str(error))
                self._watch.dependency_failed("directory", str(error))
            else:
                self._watch.dependency_worked("directory")
                return people
            await backoff.wait()

    def _malformed(self, entry: Prepared, result: Malformed, position: str, now_s: float) -> None:
        entry.account = Account.MALFORMED
        message = dead_body(result.body, reason=result.reason, at_s=now_s, position=position)
        entry.dead_ends.append(DeadEnd(None, message))


def kept_bytes(record: Record) -> int:
    """What a record costs from then on: its bytes, and what is made of it."""
    return len(record.body) + _MADE_BYTES


def preparing_bytes(record: Record) -> int:
    """What it costs while it is prepared: decoded it takes four times its bytes."""
    return len(record.body) * 4 + _MADE_BYTES
