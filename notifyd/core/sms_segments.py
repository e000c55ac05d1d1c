"""How many parts a text message is sent and paid as. Pure.

GSM 03.38's 7-bit alphabet where every character has a place in it, else UCS-2. The header that joins the parts of
a long message takes room from each, and what is two units stays in one part: an escape with its character, the two
halves of a character beyond UCS-2.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from notifyd.core.cut_text import beginning

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each goes as an escape and a second septet.
_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
_GSM7: Final = _BASIC | _EXTENSION


class Encoding(StrEnum):
    GSM7 = "gsm7"
    UCS2 = "ucs2"


class _Room(msgspec.Struct, frozen=True):
    """Units that fit into a message of one part, and into each part of several."""

    alone: int
    joined: int
    ellipsis: str


_ROOM: Final = {Encoding.GSM7: _Room(160, 153, "..."), Encoding.UCS2: _Room(70, 67, "…")}


class Count(msgspec.Struct, frozen=True):
    """`units`: septets or 16-bit units, without what a part leaves empty at its end."""

    encoding: Encoding
    units: int
    segments: int


def count(text: str) -> Count:
    encoding = Encoding.GSM7 if _GSM7.issuperset(text) else Encoding.UCS2
    room = _ROOM[encoding]
    if _is_narrow(text, encoding):
        units = len(text)
        return Count(encoding, units, 1 if units <= room.alone else -(-units // room.joined))
    widths = _widths(text, encoding)
    units = sum(widths)
    return Count(encoding, units, 1 if units <= room.alone else len(_starts(widths, room.joined)))


def shorten(text: str, segments_max: int) -> str:
    """As much of it as fits, with an ellipsis where something is missing."""
    whole = count(text)
    if whole.segments <= segments_max:
        return text
    room = _ROOM[whole.encoding]
    ellipsis_units = sum(_widths(room.ellipsis, whole.encoding))
    widths = _widths(text, whole.encoding)
    if segments_max == 1:
        kept = _fitting(widths, 0, room.alone - ellipsis_units)
    else:
        last_start = _starts(widths, room.joined)[segments_max - 1]
        kept = _fitting(widths, last_start, room.joined - ellipsis_units)
    return beginning(text, kept) + room.ellipsis


def _is_narrow(text: str, encoding: Encoding) -> bool:
    """Whether each character is one unit, as in most texts: then their number says it all."""
    return _EXTENSION.isdisjoint(text) if encoding is Encoding.GSM7 else max(text) <= "\uffff"


def _widths(text: str, encoding: Encoding) -> list[int]:
    """Units of each character."""
    if encoding is Encoding.GSM7:
        return [2 if character in _EXTENSION else 1 for character in text]
    return [2 if character > "\uffff" else 1 for character in text]


def _starts(widths: Sequence[int], room: int) -> list[int]:
    """The index of each part's first character."""
    starts, left = [0], room
    for index, width in enumerate(widths):
        if width > left:
            starts.append(index)
            left = room
        left -= width
    return starts


def _fitting(widths: Sequence[int], start: int, room: int) -> int:
    """The index behind the last character from `start` on that fits into `room` units."""
    for index in range(start, len(widths)):
        room -= widths[index]
        if room < 0:
            return index
    return len(widths)
