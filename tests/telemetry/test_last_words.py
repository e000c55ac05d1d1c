"""What a process says that ends by a fault of its own."""

from __future__ import annotations

import json
import sys
from io import StringIO
from typing import NoReturn

import pytest

from notifyd import cli
from notifyd.telemetry.logs import configure_logs
from notifyd.telemetry.redaction import Redactor

_SECRETS = "a@example.com +49 151 23456789 Bearer hush"


def _fail() -> NoReturn:
    try:
        raise KeyError(_SECRETS)
    except KeyError as first:
        raise ExceptionGroup("in a group", [ValueError(_SECRETS)]) from first


def _stop() -> NoReturn:
    raise BaseExceptionGroup(_SECRETS, [KeyboardInterrupt(_SECRETS)])


def _ended_by(fault: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "cli", fault)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 70


def _is_redacted(said: str) -> bool:
    return not any(word in said for word in ("example.com", "23456789", "hush"))


@pytest.mark.parametrize("fault", [_fail, _stop])
def test_a_command_that_fails_says_where_and_nothing_private(
    fault: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _ended_by(fault, monkeypatch)
    said = capsys.readouterr()
    assert said.out == ""
    assert f"in {getattr(fault, '__name__', '')}" in json.loads(said.err)["exception"]
    assert _is_redacted(said.err)


def test_a_daemon_s_last_words_are_one_of_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, redactor = StringIO(), Redactor(b"the daemon's own")
    configure_logs("info", redactor, stream)
    _ended_by(_fail, monkeypatch)
    [line] = map(json.loads, stream.getvalue().splitlines())
    assert line["level"] == "critical"
    assert redactor.hashed("a@example.com") in line["exception"]
    assert _is_redacted(stream.getvalue())


def test_on_a_terminal_they_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", stream)
    _ended_by(_fail, monkeypatch)
    assert "\n" in stream.getvalue()
    assert "in _fail\n" in stream.getvalue()
    assert _is_redacted(stream.getvalue())
