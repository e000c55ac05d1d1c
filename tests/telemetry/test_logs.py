"""The daemon's log lines."""

from __future__ import annotations

import json
import logging
from errno import ENOSPC, EPIPE
from io import StringIO

import pytest
import structlog

from notifyd.telemetry.logs import configure_logs
from notifyd.telemetry.redaction import Redactor


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class Unwritable(StringIO):
    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def write(self, _text: str) -> int:
        raise self._error


def test_a_line_is_json_that_begins_with_when_how_bad_and_what() -> None:
    stream = StringIO()
    configure_logs("info", Redactor(b"k"), stream)
    structlog.get_logger().warning("shard_taken", shard="s-1", epoch=3)
    line = json.loads(stream.getvalue())
    assert list(line) == ["timestamp", "level", "event", "shard", "epoch"]
    assert (line["level"], line["event"], line["epoch"]) == ("warning", "shard_taken", 3)


def test_lines_under_the_level_are_not_written() -> None:
    stream = StringIO()
    configure_logs("warning", Redactor(b"k"), stream)
    structlog.get_logger().info("quiet")
    assert stream.getvalue() == ""


def test_a_librarys_line_is_redacted_json_too() -> None:
    stream = StringIO()
    configure_logs("info", Redactor(b"k"), stream)
    logging.getLogger("somebody.elses").warning("refused %s", "a@example.com")
    line = json.loads(stream.getvalue())
    assert line["event"].startswith("refused #")
    assert line["level"] == "warning"


@pytest.mark.parametrize("errno", [ENOSPC, EPIPE])
def test_a_line_that_cannot_be_written_ends_nothing(errno: int) -> None:
    configure_logs("info", Redactor(b"k"), Unwritable(OSError(errno, "as the kernel says")))
    structlog.get_logger().info("shard_taken")


def test_a_terminal_gets_columns() -> None:
    stream = Terminal()
    configure_logs("info", Redactor(b"k"), stream)
    structlog.get_logger().info("shard_taken", to="a@example.com")
    assert "shard_taken" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
    assert "example.com" not in stream.getvalue()
