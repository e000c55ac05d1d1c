"""What a process says beside its answer, and what one says that ends by a fault of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import StringIO
from types import SimpleNamespace
from typing import NoReturn

import click
import pytest
import structlog

from notifyd import cli
from notifyd.telemetry.logs import configure_logs
from notifyd.telemetry.redaction import Redactor

_SECRETS = "a@example.com +49 151 23456789 Bearer hush"


def _notice() -> None:
    structlog.get_logger().warning("damaged_user_item", user_id=_SECRETS)
    click.echo('{"replayed": 0}')


def _fail() -> NoReturn:
    try:
        raise KeyError(_SECRETS)
    except KeyError as first:
        raise ExceptionGroup("in a group", [ValueError(_SECRETS)]) from first


def _stop() -> NoReturn:
    raise BaseExceptionGroup(_SECRETS, [KeyboardInterrupt(_SECRETS)])


def _main(monkeypatch: pytest.MonkeyPatch, command: Callable[[], None]) -> object:
    """The exit code of `notifyd replay` where that is this command."""
    here = SimpleNamespace(replay=click.Command("replay", callback=command))
    monkeypatch.setitem(sys.modules, "a_command_of_the_test", here)
    monkeypatch.setitem(cli._COMMANDS, "replay", "a_command_of_the_test:replay")
    monkeypatch.setattr(sys, "argv", ["notifyd", "replay"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def _is_redacted(said: str) -> bool:
    return not any(word in said for word in ("example.com", "23456789", "hush"))


def test_what_a_command_notices_goes_to_stderr_and_not_between_its_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _main(monkeypatch, _notice) == 0
    said = capsys.readouterr()
    assert said.out == '{"replayed": 0}\n'
    assert json.loads(said.err)["event"] == "damaged_user_item"
    assert _is_redacted(said.err)


@pytest.mark.parametrize("fault", [_fail, _stop])
def test_a_command_that_fails_says_where_and_nothing_private(
    fault: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _main(monkeypatch, fault) == 70
    said = capsys.readouterr()
    assert said.out == ""
    assert f"in {fault.__name__}" in json.loads(said.err)["exception"]
    assert _is_redacted(said.err)


def test_a_daemon_s_last_words_are_one_of_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, redactor = StringIO(), Redactor(b"the daemon's own")

    def work() -> None:
        configure_logs("info", redactor, stream)
        _fail()

    assert _main(monkeypatch, work) == 70
    [line] = map(json.loads, stream.getvalue().splitlines())
    assert line["level"] == "critical"
    assert redactor.hashed("a@example.com") in line["exception"]
    assert _is_redacted(stream.getvalue())


def test_on_a_terminal_they_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", stream)
    assert _main(monkeypatch, _fail) == 70
    assert "in _fail\n" in stream.getvalue()
    assert _is_redacted(stream.getvalue())
