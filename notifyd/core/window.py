"""The window ledger of one shard: which records are read, claimed, settled, and what its item says of it.

A record's index counts user records from the first one behind the checkpoint that this owner started from,
after de-aggregation and before any filter. In ascending order an index is
settled prefix (behind the checkpoint) | claimed, some settled | read, not claimed | not read.

Invariants, which tests walk through every small case:
- the checkpoint never passes an unsettled record;
- nothing is settled that is not claimed, so what lies beyond `claimed` is fresh for any later owner;
- an account counts a record once, in the write that first says it is settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import msgspec

from notifyd.core.account import Accounted
from notifyd.core.runs import SETTLED, UNSETTLED, decode_runs, encode_runs
from notifyd.core.sequence import After, Checkpoint, Position, parse_position


class Standing(IntEnum):
    """What a new owner knows of a record that it reads."""

    FRESH = 0
    IN_DOUBT = 1
    SETTLED = 2


class Progress(msgspec.Struct, frozen=True):
    """The part of a shard's item that moves with every write.

    `claimed_to`: of the last claimed record only deliveries of no higher rank (core/fan_out.py) may have
    begun; "": any. `tip_at_s`: what stands behind the checkpoint arrived later than that, or is still to be
    read; 0: nobody knows.
    """

    checkpoint: Position | None
    checkpoint_arrival_s: float
    claimed: Position | None
    unsettled: bytes
    first_sequence: str
    accounted: dict[str, int]
    tip_at_s: float = 0.0
    claimed_to: str = ""


# A quiet shard is written so often: the service keeps records for a day at least.
_TIP_NEWS_S = 3600.0


class Window:
    """One shard's records in flight. Pure: the owner reads, sends and writes."""

    def __init__(self, accounted: Accounted | None = None) -> None:
        self.accounted = accounted or Accounted()
        self._base = 0  # index of the first record behind the checkpoint
        self._states = bytearray()  # from _base on
        self._places: list[
            Position
        ] = []  # from _base on; shorter than _states while a predecessor's are read again
        self._arrivals_s: list[float] = []
        self._claim_end = 0
        self._checkpoint: Position | None = None
        self._checkpoint_arrival_s = 0.0
        self._tip_at_s = self._tip_told_s = 0.0
        self._prior_claimed: Position | None = None
        self._prior_end = 0
        self._claimed_to = self._prior_claimed_to = ""
        self._partly_begun: int | None = None
        self._expected_first: Position | None = None

    @classmethod
    def recovered(cls, progress: Progress) -> Window:
        """As a predecessor left it. Raises ValueError where the item is damaged."""
        window = cls(Accounted.from_dict(progress.accounted))
        window._checkpoint = progress.checkpoint
        window._checkpoint_arrival_s = progress.checkpoint_arrival_s
        window._tip_at_s = window._tip_told_s = progress.tip_at_s
        window._states = decode_runs(progress.unsettled) if progress.unsettled else bytearray()
        window._claim_end = window._prior_end = len(window._states)
        # Claimed no further than the checkpoint: nothing of the predecessor's is left to read again.
        window._prior_claimed = progress.claimed if progress.claimed != progress.checkpoint else None
        window._prior_claimed_to = progress.claimed_to
        if progress.first_sequence:
            window._expected_first = parse_position(progress.first_sequence)
        return window

    # --- reading ---

    def append(self, places: Sequence[Position], arrivals_s: Sequence[float]) -> tuple[int, list[Standing]]:
        """Takes what was read next; the first index, and how each record stands."""
        first = self._base + len(self._places)
        if first == 0 and self._expected_first is not None and places:
            self._verify_first(places[0])
        self._places.extend(places)
        self._arrivals_s.extend(arrivals_s)
        if self._prior_claimed is None:
            standings = [Standing.FRESH] * len(places)
        else:
            standings = [self._standing(first + offset, place) for offset, place in enumerate(places)]
        missing = len(self._places) - len(self._states)
        if missing > 0:
            self._states.extend(bytes(missing))
        return first, standings

    def lacks_first(self, place: Position | None) -> bool:
        """Whether the record that a predecessor read first is gone: the stream goes on at `place`, or ends."""
        if self._base or self._places or self._expected_first is None:
            return False
        return place is None or place.is_after(self._expected_first)

    def _verify_first(self, place: Position) -> None:
        """Positions mean the same records only if the first one is still the first; else all are looked up."""
        if place != self._expected_first:
            self._states = bytearray()
            self._claim_end = self._prior_end = 0

    def _standing(self, index: int, place: Position) -> Standing:
        if self._prior_claimed is None or place.is_after(self._prior_claimed):
            self._end_prior(index)
            return Standing.FRESH
        if index < self._prior_end and self._states[index - self._base] == SETTLED:
            standing = Standing.SETTLED
        else:
            standing = Standing.IN_DOUBT
            self._claim_end = max(self._claim_end, index + 1)
        if place.order() == self._prior_claimed.order():
            self._end_prior(index + 1)
            self._claimed_to, self._partly_begun = self._prior_claimed_to, index
        return standing

    def _end_prior(self, end: int) -> None:
        """All that the predecessor claimed has been read again; it ended before index `end`."""
        if self._prior_claimed is None:
            return
        self._prior_claimed = None
        self._claimed_to = ""
        del self._states[end - self._base :]
        self._claim_end = end

    def skip_gap(self) -> None:
        """The stream lost records here: what is read next has other positions than the predecessor gave it.

        Behind the checkpoint itself the first record tells: whoever met the gap before counted from there.
        """
        if not (self._base or self._places):
            return
        del self._states[len(self._places) :]
        self._prior_end = self._base + len(self._places)
        self._claim_end = min(self._claim_end, self._prior_end)

    def at_tip(self, at_s: float) -> None:
        """The shard held nothing more at `at_s`. Said of the checkpoint only while that is all there is."""
        if not self._places and self._prior_claimed is None:
            self._tip_at_s = at_s

    def read_to_end(self) -> None:
        """The shard holds no more: what a predecessor claimed and is not there again is gone."""
        self._end_prior(self._base + len(self._places))

    # --- claiming and settling ---

    def begun_to(self, index: int) -> str:
        """Of a record in doubt: the highest rank that a predecessor may have begun; "": any."""
        return self._prior_claimed_to if index == self._partly_begun else ""

    def claim(self, end: int, claimed_to: str = "") -> None:
        """Records before index `end` may be begun once the write that says so is acknowledged; of the last of them
        deliveries of no higher rank than `claimed_to`, if that is given.
        """
        if end > self._base + len(self._places):
            raise ValueError(f"claim up to {end}, but only {self._base + len(self._places)} records are read")
        if end > self._claim_end:
            self._claim_end, self._claimed_to = end, claimed_to
        elif end == self._claim_end:
            # A predecessor's claim of the same record stands beside one's own.
            whole = not (self._claimed_to and claimed_to)
            self._claimed_to = "" if whole else max(self._claimed_to, claimed_to)

    def settle(self, index: int, account: int) -> None:
        """Everything that the record asked for is durable."""
        if index >= self._claim_end:
            raise ValueError(f"record {index} is settled but claimed is only up to {self._claim_end}")
        at = index - self._base
        if at < 0 or self._states[at] == SETTLED:
            raise ValueError(f"record {index} is settled twice")
        self._states[at] = SETTLED
        self.accounted.count(account)

    # --- what the item says ---

    def advance(self) -> None:
        """Moves the checkpoint over the settled prefix."""
        known = min(len(self._places), self._claim_end - self._base)
        if len(self._states) > len(self._places):
            known -= 1  # one stays, so that `first_sequence` is known while a predecessor's are read again
        if known <= 0:
            return
        end = self._states.find(bytes([UNSETTLED]), 0, known)
        end = known if end < 0 else end
        if end == 0:
            return
        self._checkpoint = self._places[end - 1]
        self._checkpoint_arrival_s = self._arrivals_s[end - 1]
        del self._states[:end], self._places[:end], self._arrivals_s[:end]
        self._base += end

    def progress(self) -> Progress:
        """What to write now. Call `advance` first."""
        claimed_count = self._claim_end - self._base
        claimed = self._claimed_position(claimed_count)
        self._tip_told_s = self._tip_at_s
        return Progress(
            checkpoint=self._checkpoint,
            checkpoint_arrival_s=self._checkpoint_arrival_s,
            claimed=claimed,
            unsettled=encode_runs(self._states, 0, claimed_count) if claimed_count > 0 else b"",
            first_sequence=self._first_sequence(),
            accounted=self.accounted.as_dict(),
            tip_at_s=self._tip_at_s,
            claimed_to=self._prior_claimed_to if self._prior_claimed is not None else self._claimed_to,
        )

    def _claimed_position(self, claimed_count: int) -> Position | None:
        if self._prior_claimed is not None:
            return self._prior_claimed
        if claimed_count > 0:
            return self._places[claimed_count - 1]
        return self._checkpoint

    def _first_sequence(self) -> str:
        if self._places:
            return self._places[0].text()
        return self._expected_first.text() if self._expected_first is not None and self._base == 0 else ""

    # --- sizes ---

    @property
    def read_count(self) -> int:
        """Records held: read, and not behind the checkpoint yet."""
        return len(self._places)

    @property
    def unsettled_count(self) -> int:
        return self._states.count(UNSETTLED)

    @property
    def checkpoint_arrival_s(self) -> float:
        return self._checkpoint_arrival_s

    @property
    def tip_at_s(self) -> float:
        return self._tip_at_s

    @property
    def tip_is_news(self) -> bool:
        """A quiet shard's item should be told of it, though nothing has settled."""
        return self._tip_at_s - self._tip_told_s >= _TIP_NEWS_S

    @property
    def is_unread(self) -> bool:
        """Nobody has read anything of the shard, as far as its item tells."""
        return not (self._checkpoint or self._base or self._places or self._expected_first)

    @property
    def checkpoint_text(self) -> str:
        return self._checkpoint.text() if self._checkpoint is not None else ""

    @property
    def last_read_text(self) -> str:
        return self._places[-1].text() if self._places else self.checkpoint_text

    @property
    def is_recovering(self) -> bool:
        """Records that a predecessor claimed are still to be read again."""
        return self._prior_claimed is not None

    @property
    def is_empty(self) -> bool:
        """All that was read is settled, and nothing of a predecessor's is left to read again."""
        return not self._states and self._prior_claimed is None

    def resume_from(self, start: Checkpoint) -> Checkpoint:
        """Where reading starts: behind the checkpoint, or where the shard's item was told to begin."""
        return After(self._checkpoint) if self._checkpoint is not None else start
