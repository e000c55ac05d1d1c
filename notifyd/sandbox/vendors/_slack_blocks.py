"""Block Kit's limits, as its reference lists them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

BLOCKS_MAX = 50
BLOCK_ID_CHARS_MAX = 255
_TYPES = frozenset(
    {"actions", "alert", "card", "carousel", "context", "context_actions", "divider", "file", "header", "image"}
    | {"input", "markdown", "plan", "rich_text", "section", "table", "task_card", "video"}
)


def block_flaw(blocks: list[Any]) -> str:
    """What Slack would call invalid_blocks for; "" where nothing is."""
    return next(_flaws(blocks), "")


def _flaws(blocks: list[Any]) -> Iterator[str]:
    if len(blocks) > BLOCKS_MAX:
        yield f"no more than {BLOCKS_MAX} items allowed [json-pointer:/blocks]"
    for position, block in enumerate(blocks):
        for flaw in _block_flaws(block):
            yield f"{flaw} [json-pointer:/blocks/{position}]"


def _block_flaws(block: dict[str, Any]) -> Iterator[str]:
    kind = str(block.get("type"))
    if kind not in _TYPES:
        yield f"unsupported type: {kind}"
        return
    if len(str(block.get("block_id", ""))) > BLOCK_ID_CHARS_MAX:
        yield "block_id is too long"
    if kind in _FLAWS:
        yield from _FLAWS[kind](block)


def _section_flaws(block: dict[str, Any]) -> Iterator[str]:
    fields = block.get("fields", [])
    if "text" not in block and not fields:
        yield "missing required field: text or fields"
    if "text" in block:
        yield from _text_flaws(block["text"], 3000, {"plain_text", "mrkdwn"})
    yield from _list_flaws(fields, 10, "fields")
    for field in fields:
        yield from _text_flaws(field, 2000, {"plain_text", "mrkdwn"})


def _header_flaws(block: dict[str, Any]) -> Iterator[str]:
    yield from _text_flaws(block.get("text"), 150, {"plain_text"})


def _context_flaws(block: dict[str, Any]) -> Iterator[str]:
    yield from _list_flaws(block.get("elements"), 10, "elements")


def _actions_flaws(block: dict[str, Any]) -> Iterator[str]:
    yield from _list_flaws(block.get("elements"), 25, "elements")
    for element in block.get("elements") or []:
        yield from _button_flaws(element)


def _image_flaws(block: dict[str, Any]) -> Iterator[str]:
    if not block.get("alt_text") or not (block.get("image_url") or block.get("slack_file")):
        yield "missing required field: image_url and alt_text"
    if len(str(block.get("image_url", ""))) > 3000:
        yield "image_url is too long"


_FLAWS = {
    "section": _section_flaws,
    "header": _header_flaws,
    "context": _context_flaws,
    "actions": _actions_flaws,
    "image": _image_flaws,
}


def _button_flaws(element: Any) -> Iterator[str]:
    if not isinstance(element, dict) or element.get("type") != "button":
        return
    yield from _text_flaws(element.get("text"), 75, {"plain_text"})
    for name, chars_max in (("url", 3000), ("value", 2000), ("action_id", 255)):
        if len(str(element.get(name, ""))) > chars_max:
            yield f"{name} is too long"


def _text_flaws(text: Any, chars_max: int, types: set[str]) -> Iterator[str]:
    if not isinstance(text, dict) or str(text.get("type")) not in types:
        yield f"text must be an object of type {' or '.join(sorted(types))}"
    elif not 1 <= len(str(text.get("text", ""))) <= chars_max:
        yield f"text must have 1 to {chars_max} characters"


def _list_flaws(items: Any, items_max: int, name: str) -> Iterator[str]:
    if not isinstance(items, list):
        yield f"missing required field: {name}"
    elif len(items) > items_max:
        yield f"no more than {items_max} items allowed: {name}"
