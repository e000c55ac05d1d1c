"""Which messages of which DLQ: the options that all `dlq` commands share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from notifyd.cli.moments import Moment, counting
from notifyd.core.channel import Channel
from notifyd.core.dead_letter import DeadFilter

if TYPE_CHECKING:
    from notifyd.audit.dead_letters import DeadLetterDesk
    from notifyd.operators import Desk

F = TypeVar("F", bound=Callable[..., Any])

EVENTS = "events"


class Wanted(msgspec.Struct, frozen=True):
    """`channel` None: every DLQ; `events`: that of malformed events."""

    channel: str | None
    filter: DeadFilter
    limit: int


def wanted_options(command: F) -> F:
    """Adds them; the command gets `wanted`."""

    def with_wanted(*args: Any, **given: Any) -> Any:
        names = ("type_name", "reason", "from_s", "to_s", "delivery_id")
        chosen = DeadFilter(**{name: given.pop(name) for name in names})
        return command(*args, wanted=Wanted(given.pop("channel"), chosen, given.pop("limit")), **given)

    with_wanted.__name__, with_wanted.__doc__ = command.__name__, command.__doc__
    with_wanted.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    decorated: Any = with_wanted
    for option in (
        click.option(
            "--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="So many at most."
        ),
        click.option("--delivery", "delivery_id", help="This delivery alone, by its id."),
        click.option("--to", "to_s", type=Moment(), help="Buried before this."),
        click.option("--from", "from_s", type=Moment(), help="Buried at this or later: a time, or 90m for ago."),
        click.option("--reason", help="Buried for this reason; its beginning is enough."),
        click.option("--type", "type_name", help="This notification type alone."),
        click.option("--channel", type=click.Choice([*map(str, Channel), EVENTS]), help="This DLQ alone."),
    ):
        decorated = option(decorated)
    result: F = decorated
    return result


@asynccontextmanager
async def dead_letter_desk(desk: Desk, wanted: Wanted) -> AsyncIterator[DeadLetterDesk]:
    """What is in hand at the end is shown to others again."""
    from notifyd.audit.dead_letters import DeadLetterDesk

    boxes = await desk.assembly.dead_letter_boxes()
    chosen = {channel: box for channel, box in boxes.items() if wanted.channel in (None, str(channel or EVENTS))}
    with counting("messages looked at") as progress:
        letters = DeadLetterDesk(chosen, wanted.filter, limit=wanted.limit, progress=progress)
        try:
            yield letters
        finally:
            await letters.release()
