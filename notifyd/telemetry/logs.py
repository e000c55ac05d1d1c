"""Structured logs on stderr: JSON lines, or columns on a terminal. Every line goes through the redactor.

Lines of libraries (botocore, aiohttp) take the same way, from WARNING up: their details hold addresses.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from notifyd.telemetry.redaction import Redactor

# Added by the chain itself; first in a line, in this order.
_OURS = ("timestamp", "level", "event")


class RedactionProcessor:
    """Runs last before the renderer, so that nothing added on the way passes by it."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, _logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
        redactor = self._redactor
        line = {name: redactor.value(event_dict.pop(name)) for name in _OURS if name in event_dict}
        return line | {redactor.text(name): redactor.named(name, value) for name, value in event_dict.items()}


class _Lines(structlog.PrintLogger):
    """A disk that is full, or a reader that has gone, costs lines and not the work that they tell of."""

    def msg(self, message: str) -> None:
        with suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def log_processors(redactor: Redactor, *, colours: bool) -> list[Processor]:
    """What happens to a line, from the logger's call to the text."""
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if colours
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        RedactionProcessor(redactor),
        renderer,
    ]


def configure_logs(level: str, redactor: Redactor, stream: TextIO) -> None:
    """Once, at start."""
    processors = log_processors(redactor, colours=stream.isatty())
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ProcessorFormatter(processors=[ProcessorFormatter.remove_processors_meta, *processors]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def last_words(error: BaseException) -> None:
    """Of a process that a fault of its own ends."""
    structlog.get_logger(__name__).critical("ended_by_fault", exc_info=error)
