"""A channel's retry queue: receive → ask again → claim the attempt → deliver → delete."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
import structlog

from notifyd.core.channel import Channel, InDoubt
from notifyd.core.outcome import Reason
from notifyd.end_tasks import end_tasks
from notifyd.errors import AwsError, TransportError
from notifyd.flow.attempt import AttemptClaims, EndedByCopy, Verdict
from notifyd.flow.backoff import Backoff
from notifyd.flow.inquire import AskAgain, Inquirer, SendAgain, Told, WasTaken
from notifyd.flow.outbox import Outbox
from notifyd.flow.reconsider import Gone, Reconsider
from notifyd.flow.record import Recorder
from notifyd.flow.route import Router
from notifyd.flow.slot_desk import SlotDesk
from notifyd.flow.ticket import Route, Ticket
from notifyd.flow.watch import Watch
from notifyd.ports import Clock, Entropy, Received, RetryQueue
from notifyd.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

# A message is due when it comes at most so much early: SQS counts delays in whole seconds.
_EARLY_S = 1.0
_DELAY_MAX_S = 900.0
_DELETE_TRIES_MAX = 5
# What the provider has no room for is better left in the queue, where it costs nothing.
_ROOM_LOOK_S = 0.1


class RedeliverTimes(msgspec.Struct, frozen=True):
    """`receivers`: how many receive from one queue at a time. `look_up_wait_s`: how long a delivery in doubt waits
    for somebody who can tell: feedback takes seconds as a rule, minutes where a provider's webhook has to try
    again, and a queue's longest delay is this long.
    """

    receivers: int
    receive_wait_s: float
    send_timeout_s: float
    look_up_wait_s: float = 900.0


class Checks(msgspec.Struct, frozen=True):
    """What an attempt has to pass, in this order."""

    reconsider: Reconsider
    inquirer: Inquirer
    claims: AttemptClaims


class Redeliverer:
    """Implements `TicketOwner` for what comes from one retry queue.

    A slot is held from the claim until the outcome's row is durable and DeleteMessage was answered.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        queue: RetryQueue,
        router: Router,
        recorder: Recorder,
        checks: Checks,
        slots: SlotDesk,
        watch: Watch,
        clock: Clock,
        entropy: Entropy,
        metrics: Metrics,
        times: RedeliverTimes,
    ) -> None:
        self.holder = f"retry#{channel}"
        self._channel = channel
        self._queue = queue
        self._router = router
        self._recorder = recorder
        self._checks = checks
        self._slots = slots
        self._watch = watch
        self._clock = clock
        self._entropy = entropy
        self._metrics = metrics
        self._times = times
        self._deletes: Outbox[str] = Outbox(
            f"delete {channel}", queue.delete, clock, entropy, tries_max=_DELETE_TRIES_MAX
        )
        self._in_hand: dict[int, Received] = {}  # by ticket
        self._slot_freed = asyncio.Event()
        self._in_line = 0  # messages that wait for a slot
        self._stopping = False

    async def run(self) -> None:
        """Until `stop`; what is in hand then comes to its end, or to another worker by its visibility."""
        self._slots.join(self.holder, self._slot_freed.set)
        deletes = asyncio.create_task(self._deletes.run())
        try:
            await asyncio.gather(*(self._receive_all() for _ in range(self._times.receivers)))
            while self._in_hand or self._deletes.pending_count:
                await self._clock.sleep(0.05)
        finally:
            await end_tasks(deletes)
            self._slots.leave(self.holder)

    def stop(self) -> None:
        self._stopping = True

    async def _receive_all(self) -> None:
        backoff = Backoff(self._clock, self._entropy, base_s=0.5, max_s=10.0)
        while not self._stopping:
            if not self._router.has_room:
                await self._clock.sleep(_ROOM_LOOK_S)
                continue
            try:
                batch = await self._queue.receive(self._times.receive_wait_s)
            except (AwsError, TransportError) as error:
                self._watch.dependency_failed(f"retry queue {self._channel}", str(error))
                await backoff.wait()
                continue
            self._watch.dependency_worked(f"retry queue {self._channel}")
            backoff.reset()
            self._metrics.retry_age.set(self._oldest_age_s(batch), self._channel)
            await asyncio.gather(*(self._handle_safely(received) for received in batch))

    def _oldest_age_s(self, batch: Sequence[Received]) -> float:
        """Since the first attempt of what came last; SQS itself tells ages to CloudWatch alone."""
        now_s = self._clock.now_s()
        return max(
            (now_s - received.message.story[0].at_s for received in batch if received.message.story), default=0.0
        )

    async def _handle_safely(self, received: Received) -> None:
        """What fails here comes back by its visibility."""
        try:
            await self._handle(received)
        except (AwsError, TransportError) as error:
            log.warning("redelivery_put_off", delivery_id=received.message.delivery_id, error=str(error))
        except Exception:
            # A bug, or a message that nobody can make anything of: the queue's own redrive takes it in the end.
            log.exception("redelivery_failed", delivery_id=received.message.delivery_id)

    async def _handle(self, received: Received) -> None:
        message = received.message
        wait_s = message.not_before_s - self._clock.now_s()
        if wait_s > _EARLY_S:
            await self._queue.hide(received.receipt, min(wait_s, _DELAY_MAX_S))
            return
        if not await self._take_slot(received):
            return
        try:
            begun = await self._begin(received)
        except BaseException:
            self._slots.free(self.holder, 1)
            raise
        if not begun:
            self._slots.free(self.holder, 1)

    async def _take_slot(self, received: Received) -> bool:
        """Waits while it makes sense; otherwise the message comes back by its visibility."""
        self._in_line += 1
        try:
            while not self._slots.take(self.holder, 1):
                left_s = received.visible_again_at_s - self._times.send_timeout_s - 1.0 - self._clock.elapsed_s()
                self._slot_freed.clear()
                async with asyncio.timeout(left_s):
                    await self._slot_freed.wait()
        except TimeoutError:
            return False
        finally:
            self._in_line -= 1
            if not self._in_line:
                self._slots.give_up(self.holder)
        return True

    async def _begin(self, received: Received) -> bool:
        """Whether a ticket went on its way, which will free the slot."""
        answer = await self._checks.reconsider.again(received.message, self)
        if isinstance(answer, Gone):
            await self._give_up(answer, received)
            return False
        if answer.again and answer.delivery.in_doubt is InDoubt.LOOK_UP:
            return await self._look_up(answer, received)
        return await self._send(answer, received)

    async def _look_up(self, ticket: Ticket, received: Received) -> bool:
        match await self._checks.inquirer.ask(ticket):
            case Told():
                self._delete(received, lambda: None)
                return False
            case AskAgain(pause_s):
                await self._queue.hide(received.receipt, min(pause_s, _DELAY_MAX_S))
                return False
            case WasTaken(provider, provider_id, by):
                self._keep(ticket, received)
                self._recorder.was_taken(ticket, provider, provider_id, by=by)
                return True
            case SendAgain(possible_duplicate):
                ticket.again = possible_duplicate
                if self._recorder.is_spent(ticket):
                    self._keep(ticket, received)
                    self._recorder.bury(ticket, Reason.ATTEMPTS)
                    return True
                return await self._send(ticket, received)

    async def _send(self, ticket: Ticket, received: Received) -> bool:
        if self._clock.now_s() >= ticket.delivery.deadline_at_s:
            self._keep(ticket, received)
            self._recorder.expire([ticket])
            return True
        if ticket.route is Route.POSTPONE:
            self._keep(ticket, received)
            self._recorder.postpone([ticket], Reason.LOOKUP_FAILED)
            return True
        return await self._claim(ticket, received)

    async def _claim(self, ticket: Ticket, received: Received) -> bool:
        verdict = await self._checks.claims.claim(ticket, until_s=self._until_s(received))
        if verdict is Verdict.ANOTHERS:
            return False
        if verdict is Verdict.ENDED:
            self._delete(received, lambda: None)
            return False
        self._keep(ticket, received)
        match verdict:
            case EndedByCopy(row):
                self._recorder.ended_by_copy(ticket, row)
            case Verdict.HAND_OVER:
                self._recorder.hand_over(ticket)
            case Verdict.LOOK_UP:
                self._recorder.look_up_later(ticket)
            case Verdict.HELD:
                self._recorder.bury(ticket, Reason.IN_DOUBT_HELD)
            case Verdict.BURIED:
                self._recorder.bury(ticket, ticket.dead_for)
            case Verdict.EXPIRED:
                self._recorder.expire([ticket])
            case Verdict.OURS:
                self._router.submit([ticket])
        return True

    async def _give_up(self, gone: Gone, received: Received) -> None:
        verdict = await self._checks.claims.claim_end(received.message, gone, until_s=self._until_s(received))
        if isinstance(verdict, Gone):
            self._end(verdict, received)
        elif verdict is Verdict.ENDED:
            self._delete(received, lambda: None)

    def _end(self, gone: Gone, received: Received) -> None:
        """Rows, then the DLQ where it belongs there, then the message goes."""
        left = len(gone.dead_ends) + 1

        def ended() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                self._delete(received, lambda: None)

        self._recorder.finisher.log_writer.submit(gone.rows, ended)
        for dead_end in gone.dead_ends:
            self._recorder.finisher.dead_end(dead_end, ended)

    def _until_s(self, received: Received) -> float:
        """Epoch seconds to which the message is hidden from others."""
        return self._clock.now_s() + received.visible_again_at_s - self._clock.elapsed_s()

    def _keep(self, ticket: Ticket, received: Received) -> None:
        self._in_hand[id(ticket)] = received

    def _delete(self, received: Received, on_deleted: Callable[[], None]) -> None:
        self._deletes.submit(received.receipt, on_deleted)

    # --- TicketOwner ---

    def may_send(self, ticket: Ticket) -> bool:
        """The message must stay hidden from others until an answer, or its timeout, has come."""
        received = self._in_hand[id(ticket)]
        return self._clock.elapsed_s() < received.visible_again_at_s - self._times.send_timeout_s - 1.0

    async def prove(self, lapses: int) -> None:
        """No lease speaks for these: the message's visibility does."""

    def settled(self, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            received = self._in_hand.pop(id(ticket))
            self._delete(received, self._free_one)

    def dropped(self, tickets: Sequence[Ticket]) -> None:
        """Too late in its visibility: through the queue again, under the next number."""
        self._recorder.postpone(tickets, Reason.QUEUE_WAIT)

    def _free_one(self) -> None:
        self._slots.free(self.holder, 1)
