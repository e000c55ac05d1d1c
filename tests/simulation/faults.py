"""What goes wrong, when and to whom: drawn from the seed before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from tests.simulation.cluster import Cluster, Worker
from tests.simulation.dice import Dice
from tests.simulation.network import Mishap, Weather
from tests.simulation.operations import BUSIEST, OPERATIONS, POINTS, RARE, SERVICES
from tests.simulation.process import Doom, Process, State
from tests.simulation.world.provider import Mood
from tests.simulation.world.releases import OTHERS, USUAL
from tests.simulation.world.stream import WorldSource
from tests.simulation.world.world import World


class Group(StrEnum):
    CRASH = "crash"
    PAUSE = "pause"
    CUT = "cut"
    WEATHER = "weather"
    CLOCK = "clock"
    PROVIDER = "provider"
    RESHARD = "reshard"
    RESTART = "restart"
    DUPLICATE = "duplicate"
    TRIM = "trim"
    RELEASE = "release"


# How often each group is drawn.
WEIGHTS = {
    Group.CRASH: 13,
    Group.PAUSE: 2,
    Group.CUT: 3,
    Group.WEATHER: 5,
    Group.CLOCK: 2,
    Group.PROVIDER: 2,
    Group.RESHARD: 3,
    Group.RESTART: 2,
    Group.DUPLICATE: 1,
    Group.TRIM: 1,
    Group.RELEASE: 2,
}


class Planned(msgspec.Struct, frozen=True):
    at_s: float
    group: Group


def plan(dice: Dice, groups: tuple[Group, ...], *, window_s: float, least: int) -> list[Planned]:
    if not groups:
        return []
    count = dice.whole(least, least + 4)
    weights = [WEIGHTS[group] for group in groups]
    return [Planned(dice.between(0.0, window_s), dice.weighted(groups, weights)) for _ in range(count)]


class Director:
    """Lets the planned faults happen. `majors`: those but crashes that may each cost slots_max duplicates.

    `turn`: which crash point it begins behind.
    """

    def __init__(self, world: World, cluster: Cluster, dice: Dice, *, turn: int) -> None:
        self._world = world
        self._cluster = cluster
        self._dice = dice
        self._open = 0
        self._turn = turn
        self.majors = 0
        self.happened = 0

    def direct(self, faults: list[Planned]) -> None:
        happen: dict[Group, Callable[[], None]] = {
            Group.PAUSE: self._pause,
            Group.CUT: self._cut,
            Group.WEATHER: self._turn_foul,
            Group.CLOCK: self._jump,
            Group.PROVIDER: self._provider,
            Group.RESHARD: self._reshard,
            Group.RESTART: self._restart,
            Group.DUPLICATE: self._repeat,
            Group.TRIM: self._trim,
            Group.RELEASE: self._release,
        }
        for fault in faults:
            self._open += 1
            if fault.group is Group.CRASH:
                self._plan_crash(fault.at_s)
            else:
                self._later(fault.at_s, self._begin, happen[fault.group])

    def _plan_crash(self, at_s: float) -> None:
        """At any step, or around a call. A call whose turn does not come in time leaves it to a step."""
        if self._dice.chance(0.25):
            self._later(at_s, self._begin, self._crash)
            return
        operation, before = self._crash_point()
        doom = Doom(operation, before=before, left=self._dice.whole(1, OPERATIONS[operation]))
        dooms = self._world.network.dooms

        def pardon() -> None:
            if doom in dooms:
                dooms.remove(doom)
                self._crash()

        if operation in RARE:
            dooms.append(doom)
            if operation == "retry.hide":  # only who thinks it early hides a message
                self._later(at_s, self._begin_early)
            if operation == "provider.look_up":  # only what got no answer is looked up
                self._later(at_s / 2, self._feel, Mood(hangs=1.0), 8.0)
            self._later(at_s + 20.0, self._begin, pardon)
        else:
            self._later(at_s, dooms.append, doom)
            self._later(at_s + 12.0, self._begin, pardon)

    def _crash_point(self) -> tuple[str, bool]:
        """Around one of the busiest calls, or the next of all points: in turn, so that many seeds meet each."""
        if self._dice.chance(0.4):
            return self._dice.one_of(BUSIEST), self._dice.chance(0.5)
        self._turn += 1
        return POINTS[self._turn % len(POINTS)]

    @property
    def is_over(self) -> bool:
        return self._open == 0

    def _begin(self, happen: Callable[[], None]) -> None:
        self.happened += 1
        happen()
        self._open -= 1

    def _later(self, seconds: float, do: Callable[..., None], *arguments: Any) -> None:
        self._world.network.later(seconds, do, *arguments)

    def _lasting(self, seconds: float, end: Callable[..., None], *arguments: Any) -> None:
        """The fault ends by itself, and until then it is not over."""
        self._open += 1

        def over() -> None:
            self._open -= 1
            end(*arguments)

        self._later(seconds, over)

    def _fire(self, what: str, *, major: bool = True) -> None:
        self._world.fired[what] += 1
        self.majors += major
        self._world.trace.note(f"-- {what}")

    def _victim(self) -> Worker | None:
        """Mostly one at work."""
        alive = [worker for worker in self._cluster.running() if worker.process.state is State.RUNS]
        owners = {item.lease_owner for item in self._world.table.shards.values()}
        at_work = [worker for worker in alive if worker.process.name in owners]
        if at_work and self._dice.chance(0.85):
            return self._dice.one_of(at_work)
        return self._dice.one_of(alive) if alive else None

    # --- the faults ---

    def _crash(self) -> None:
        """At any of its next steps, or at one soon after the next send, when most is in flight."""
        if self._dice.chance(0.75):
            self._world.judge.ambushes.append(self._dice.whole(1, 30))
            return
        worker = self._victim()
        if worker is not None:
            worker.process.crash_at_step = worker.process.steps + self._dice.whole(1, 400)

    def _pause(self) -> None:
        """SIGSTOP, or a machine's suspend, in which its timers stand still as well."""
        worker = self._victim()
        if worker is None:
            return
        process = worker.process
        lasts_s = self._dice.one_of((0.5, 2.0, 8.0, 16.0, 20.0, 35.0)) * self._dice.between(0.8, 1.2)
        suspended = self._dice.chance(0.4)
        self._fire("suspend" if suspended else "pause")
        process.state = State.PAUSED
        if suspended:
            self._world.loop.put_off(process, lasts_s)
        self._lasting(lasts_s, self._resume, process)

    def _resume(self, process: Process) -> None:
        if process.state is State.PAUSED:
            process.state = State.RUNS
            self._world.trace.note(f"-- {process.name} goes on")
            self._world.loop.resume(process)

    def _cut(self) -> None:
        """One worker or all, from one service or all."""
        worker = self._victim() if self._dice.chance(0.6) else None
        service = self._dice.one_of(SERVICES) if self._dice.chance(0.7) else None
        self._fire(f"cut: {'one' if worker else 'all'} from {'one service' if service else 'all'}")
        mishaps = self._dice.one_of(
            ((Mishap.NOT_SENT,), (Mishap.LOST,), (Mishap.NOT_SENT, Mishap.LOST, Mishap.UNANSWERED))
        )
        process = worker.process if worker else None
        self._foul(Weather(mishaps, 1.0, service, process), self._dice.between(1.0, 30.0))

    def _turn_foul(self) -> None:
        """Some kind of mishap meets some of the calls for a while."""
        mishaps = (self._dice.one_of(list(Mishap)),) if self._dice.chance(0.7) else tuple(Mishap)
        service = self._dice.one_of(SERVICES) if self._dice.chance(0.5) else None
        self._fire("weather", major=False)
        weather = Weather(mishaps, self._dice.one_of((0.05, 0.3, 0.8)), service, None)
        self._foul(weather, self._dice.between(1.0, 15.0))

    def _foul(self, weather: Weather, lasts_s: float) -> None:
        self._world.network.weathers.append(weather)
        self._lasting(lasts_s, self._world.network.weathers.remove, weather)

    def _jump(self) -> None:
        """The wall clock of one machine jumps, and is put right later."""
        worker = self._victim()
        if worker is None:
            return
        process = worker.process
        jump_s = self._dice.one_of((-3600.0, -40.0, -5.0, 5.0, 40.0, 600.0))
        self._fire("clock jumps back" if jump_s < 0 else "clock jumps ahead")
        process.skew_s += jump_s
        self._lasting(self._dice.between(0.5, 20.0), self._put_right, process, jump_s)

    def _begin_early(self) -> None:
        for worker in self._cluster.running():
            self._fire("clock jumps back")
            worker.process.skew_s -= 40.0
            self._lasting(15.0, self._put_right, worker.process, -40.0)

    def _put_right(self, process: Process, jump_s: float) -> None:
        process.skew_s -= jump_s

    def _provider(self) -> None:
        mood = Mood(defers=0.5) if self._dice.chance(0.5) else Mood(hangs=self._dice.one_of((0.1, 1.0)))
        self._fire("provider's mood", major=False)
        self._feel(mood, self._dice.between(1.0, 10.0))

    def _feel(self, mood: Mood, lasts_s: float) -> None:
        self._world.account.moods.append(mood)
        self._lasting(lasts_s, self._world.account.moods.remove, mood)

    def _reshard(self) -> None:
        source = self._dice.one_of(self._world.sources)
        if len(source.open) > 1 and self._dice.chance(0.4):
            first, second = source.open[:2]
            source.merge(first, second)
            self._fire("merge", major=False)
        else:
            source.split(self._dice.one_of(source.open))
            self._fire("split", major=False)

    def _restart(self) -> None:
        worker = self._victim()
        if worker is not None:
            self._fire("SIGTERM", major=False)
            self._cluster.restart(worker)

    def _repeat(self) -> None:
        """A producer sends again some of what it has sent: the same ids under new sequence numbers."""
        for source in self._world.sources:
            for _ in range(self._dice.whole(1, 6)):
                self._lasting(self._dice.between(0.0, 5.0), self._repeat_one, source)

    def _repeat_one(self, source: WorldSource) -> None:
        for shard, written in self._world.judge.some_put(source, self._dice):
            stays = shard in source.open and self._dice.chance(0.5)
            self._world.put_one(source, shard if stays else self._dice.one_of(source.open), written)
            self._fire("duplicate record", major=False)

    def _trim(self) -> None:
        """A shard's oldest records go, those of its window as well; never its last, behind which a gap shows."""
        for source in self._world.sources:
            shard = self._dice.one_of(source.open)
            count = self._world.judge.trimmable(source, shard)
            if count:
                trimmed = self._dice.whole(1, count)
                self._world.judge.trimmed(source, shard, trimmed)
                source.trim(shard, trimmed)
                self._fire("trim", major=False)

    def _release(self) -> None:
        """Who starts from now on has another configuration, until it is mended; some worker starts at once."""
        release = self._dice.one_of(OTHERS)
        self._fire(release.name, major=False)
        self._world.releases.use(release)
        self._replace_one()
        self._lasting(self._dice.between(2.0, 30.0), self._mend)

    def _mend(self) -> None:
        self._world.releases.use(USUAL)
        self._replace_one()

    def _replace_one(self) -> None:
        """One that was about to send dies; or one is told to end."""
        if self._dice.chance(0.5):
            self._crash()
        else:
            self._restart()
