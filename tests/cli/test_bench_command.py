"""`notifyd bench` hands everything to the source tree's benchmark, and says where it is when it is not here."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifyd.cli.bench import ROOT, main_of
from notifyd.errors import ConfigError
from tests.support.shell import notifyd_here


def test_help_shows_examples_and_exit_codes() -> None:
    shown = notifyd_here("bench", "--help", environ={})
    assert shown.exit_code == 0
    for word in ("notifyd bench --workload daily", "notifyd bench -- --help", "Exit codes:", "78"):
        assert word in shown.out


@pytest.mark.parametrize("words", [["--", "--help"], ["--workload", "idle", "--rounds", "x"]])
def test_options_are_the_benchmarks_own(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Neither gets as far as measuring."""
    ended = notifyd_here("bench", *words, environ={})
    assert ended.exit_code == (2 if "x" in words else 0)
    assert "--event-bytes" in ended.out + ended.err + "".join(capfd.readouterr())


def test_where_no_source_tree_lies_one_line_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        main_of(tmp_path)
    [fault] = raised.value.faults
    assert "make bench" in str(fault)
    assert "\n" not in str(fault)


def test_this_checkout_has_it() -> None:
    assert main_of(ROOT).__module__ == "bench.run"
