"""What a report says, of measurements made up here."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bench.contestants import SourceKind
from bench.expected import Expected
from bench.figures import Figure, Latency, Spent, Window, call_figures
from bench.measure import SATURATED, Measurement
from bench.report import Entry, ratios, titles_of
from bench.run import is_promise_broken, main
from bench.workloads import WORKLOADS
from bench.workloads.workload import Contestant


def window(events: int = 1_000, cpu_s: float = 0.1) -> Window:
    spent = Spent(wall_s=0.5, cpu_s=cpu_s, loop_cpu_s=cpu_s / 2, queued_s=0.0, servers_cpu_s=0.1)
    calls = {"GetRecords": 20, "UpdateItem": 10}
    return Window.of(events, events, spent, Latency(1.0, 2.0, 3.0), calls, {"log written": 2.0 * events})


def measurement(figures: list[Figure], windows: dict[str, Window] | None = None) -> Measurement:
    counts = dict.fromkeys(
        ("lost", "duplicates", "bad_ids", "log_rows_missing", "queued", "connections", "exit_code"), 0
    )
    expected = Expected(deliveries=0, suppressed=0)
    return Measurement(
        windows=windows or {}, figures=figures, produced=0, expected=expected, rss_max_mib=0.0, **counts
    )


def entry(contestant: Contestant, *rounds: Measurement) -> Entry:
    return Entry(SourceKind.KINESIS, contestant, list(rounds))


def test_a_window_says_what_an_event_costs() -> None:
    seen = window(events=1_000, cpu_s=0.1)
    assert (seen.events_per_s, seen.events_per_core_s) == (2_000, 10_000)
    assert (seen.cpu_us_an_event, seen.loop_cpu_us_an_event) == pytest.approx((100, 50))
    assert seen.calls_an_event == {"GetRecords": 0.02, "UpdateItem": 0.01}
    assert [figure.value for figure in call_figures(seen)] == pytest.approx([3, 2, 1])


def test_a_window_in_which_nothing_came_costs_nothing_an_event() -> None:
    seen = window(events=0)
    assert (seen.events_per_core_s, seen.cpu_us_an_event, seen.calls_an_event["GetRecords"]) == (0, 0, 0)


def test_a_line_is_the_median_of_its_rounds_with_the_aim_beside_its_title() -> None:
    rounds = [measurement([Figure("RSS", value, ".1f", "≤ 300")]) for value in (3.0, 1.0, 2.0)]
    assert entry(Contestant.DAEMON, *rounds).lines()["RSS (≤ 300)"] == "2.0"


def test_what_one_round_lost_stands_in_the_table_whatever_the_others_did() -> None:
    clean = measurement([])
    rounds = [clean, msgspec.structs.replace(clean, lost=3, log_rows_missing=-1, exit_code=-9), clean]
    lines = entry(Contestant.DAEMON, *rounds).lines()
    assert [lines[title] for title in ("lost", "log rows missing", "exit code after SIGTERM")] == ["3", "-1", "-9"]


@pytest.mark.parametrize("contestant", Contestant)
@pytest.mark.parametrize("broken", ["lost", "duplicates", "bad_ids", "log_rows_missing", "queued", "exit_code"])
def test_the_command_fails_by_whoever_did_not_do_all_of_the_work(contestant: Contestant, broken: str) -> None:
    clean = measurement([])
    assert not is_promise_broken([entry(contestant, clean)], WORKLOADS["email"])
    failed = msgspec.structs.replace(clean, **{broken: 1})
    assert is_promise_broken([entry(contestant, clean, failed)], WORKLOADS["email"])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--workload", "push-hangs", "--peers", "boto3", "--only-peers"], "nobody who was asked for can do"),
        (["--profile", "flame.svg", "--source", "kinesis"], "--profile is of one contestant"),
        (["--profile", "flame.svg", "--source", "kinesis", "--peers", "none", "--rounds", "2"], "one round"),
    ],
)
def test_what_would_measure_nobody_or_keep_the_last_ones_profile_alone_is_refused(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert why in capsys.readouterr().err


def test_what_one_contestant_alone_does_stands_where_it_would_stand_in_its_own_column() -> None:
    assert titles_of([["calls", "get", "update", "rss"], ["calls", "get", "put", "rss"]]) == [
        *("calls", "get", "put", "update", "rss")
    ]


def test_json_holds_what_a_reader_asks_for() -> None:
    said: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(measurement([], {"paced": window()})))
    in_all = {"produced", "expected", "rss_max_mib", "lost", "duplicates", "log_rows_missing"}
    in_window = {"events_per_s", "cpu_us_an_event", "loop_cpu_us_an_event", "latency", "calls_an_event"}
    assert in_all <= said.keys()
    assert in_window <= said["windows"]["paced"].keys()


def test_contestants_are_compared_by_what_they_do_when_full() -> None:
    full, half = (measurement([], {SATURATED: window(cpu_s=cpu_s)}) for cpu_s in (0.1, 0.4))
    assert ratios([entry(Contestant.DAEMON, full), entry(Contestant.PEER, half)]) == {
        "kinesis": {Contestant.PEER: pytest.approx(4)}
    }


def test_rounds_are_compared_each_with_its_own_and_the_middle_one_is_told() -> None:
    own, other = (
        [measurement([], {SATURATED: window(cpu_s=cpu_s)}) for cpu_s in rounds]
        for rounds in ((0.1, 0.2, 0.1), (0.3, 0.8, 0.5))
    )
    assert ratios([entry(Contestant.DAEMON, *own), entry(Contestant.PEER, *other)]) == {
        "kinesis": {Contestant.PEER: pytest.approx(4)}
    }


def test_a_workload_that_never_is_full_compares_nobody() -> None:
    assert ratios([entry(Contestant.DAEMON, measurement([], {"rest": window()}))]) == {}
