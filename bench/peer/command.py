"""What the peers share as commands: their options and how they log."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import structlog


def options_of(description: str | None, *, sources: Sequence[str], providers: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--source", choices=sources, required=True)
    parser.add_argument("--name", default="bench-events")
    parser.add_argument("--prefix", default="bench")
    parser.add_argument("--provider", choices=providers, default="ses")
    parser.add_argument("--settings", default="{}", help="the provider's, in JSON")
    return parser.parse_args()


def configure_logs() -> None:
    """One JSON line at a time on stdout, without what costs more than it tells."""
    structlog.configure(
        processors=[structlog.processors.TimeStamper(fmt="iso"), structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=True,
    )
