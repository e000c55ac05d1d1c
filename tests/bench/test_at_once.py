"""Contestants that are measured at the same time, each by a bench of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.at_once import measure_at_once, words_of
from bench.contestants import SourceKind
from bench.processes import BenchFailed
from bench.report import Entry
from bench.run import main
from bench.workloads.workload import Contestant

WORDS = ["--at-once", "--workload", "email", "--rounds", "5", "--peers", "plain", "--only-peers", "--tls"]


def test_each_bench_measures_one_contestant_once_and_else_what_was_asked_for(tmp_path: Path) -> None:
    same = ["--workload", "email", "--rounds", "5", "--peers", "plain", "--tls"]
    of_this = ["--source", "kinesis", "--rounds", "1"]
    report = tmp_path / "one.json"
    daemon = words_of(Entry(SourceKind.KINESIS, Contestant.DAEMON, []), WORDS, report)
    assert daemon == [*same, *of_this, "--peers", "none", "--json", str(report)]
    peer = words_of(Entry(SourceKind.KINESIS, Contestant.PEER, []), WORDS, report)
    assert peer == [*same, *of_this, "--peers", "batched", "--only-peers", "--json", str(report)]


def test_an_option_cut_short_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Else it would be handed on, and each bench would start one more."""
    with pytest.raises(SystemExit):
        main(["--at-onc"])
    assert "--at-onc" in capsys.readouterr().err


def test_a_bench_that_fails_says_why() -> None:
    entry = Entry(SourceKind.KINESIS, Contestant.DAEMON, [])
    with pytest.raises(BenchFailed, match="invalid choice: 'nothing'"):
        measure_at_once([entry], ["--workload", "nothing"])
