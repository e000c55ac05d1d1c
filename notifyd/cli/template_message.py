"""A rendered message, for a person to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from notifyd.core.message import Message, Push


def echo_message(message: Message) -> None:
    from notifyd.core.message import Chat, Email, Push, Sms

    match message:
        case Email():
            _echo([("Subject", message.subject), *message.headers], message.text)
        case Sms():
            _echo([], message.text)
        case Push():
            _echo(_push_fields(message), message.body)
        case Chat():
            _echo([("Blocks", message.blocks.decode())] if message.blocks else [], message.text)


def _push_fields(push: Push) -> list[tuple[str, str]]:
    options = {"Badge": push.badge, "Sound": push.sound, "Image": push.image_url, "Link": push.link}
    options |= {"Category": push.category, "Thread": push.thread, "Collapse": push.collapse_id}
    fields = [("Title", push.title or ("(silent)" if push.is_silent else ""))]
    fields += [(name, str(value)) for name, value in options.items() if value is not None]
    return [*fields, *((f"Data {name}", value) for name, value in push.data)]


def _echo(fields: list[tuple[str, str]], text: str) -> None:
    for name, value in fields:
        click.echo(f"{click.style(name, bold=True)}: {value}")
    click.echo(f"\n{text}" if fields else text)
