"""Jinja2's filters that templates have, with bounds where odd data could make one run long or grow large."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sized
from functools import wraps
from typing import Any, Final

from jinja2 import Environment, pass_environment, pass_eval_context
from jinja2.exceptions import FilterArgumentError, TemplateRuntimeError
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.filters import do_replace, do_round, do_wordwrap, make_attrgetter, sync_do_join, sync_do_sum
from jinja2.nodes import EvalContext
from markupsafe import escape

# Of what is put together while a template renders: more than any event brings.
TEXT_CHARS_MAX: Final = 4 * 1024 * 1024
# A double has 17 digits.
_PLACES_MAX: Final = 100
# Python's textwrap copies the rest of a longer run for each line that it makes of it.
_RUN_CHARS_MAX: Final = 8192
_runs = re.compile(r"(\s+)").split

# Jinja2's own, without those that pad or fill to any size (center, indent, format, batch, slice), mark text
# as safe HTML (safe, tojson, urlize, xmlattr), reach attributes (attr), or answer differently each time (random).
_ALLOWED: Final = frozenset(
    """
    abs capitalize count d default dictsort e escape first float groupby int items join last length list lower
    map max min reject rejectattr replace reverse round select selectattr sort string striptags sum title trim
    truncate unique upper urlencode wordcount wordwrap
    """.split()  # noqa: SIM905 - reads better than 38 quoted names
)
# Of these, those that look at each item.
_WALKING: Final = frozenset(
    "groupby join list map max min reject rejectattr select selectattr sort sum unique".split()  # noqa: SIM905
)


def put_together(pieces: Iterable[str]) -> str:
    """Raises TemplateRuntimeError over TEXT_CHARS_MAX."""
    kept = []
    chars = 0
    for piece in pieces:
        chars += len(piece)
        _check_chars(chars)
        kept.append(piece)
    return "".join(kept)


@pass_eval_context
def _join(
    context: EvalContext, items: Iterable[Any], separator: str = "", attribute: str | int | None = None
) -> str:
    if attribute is not None:
        items = map(make_attrgetter(context.environment, attribute), items)
    texts = []
    chars = 0
    for item in items:
        text = item if hasattr(item, "__html__") else str(item)
        chars += len(text) + len(separator)
        _check_chars(chars)
        texts.append(text)
    return sync_do_join(context, texts, separator)


@pass_eval_context
def _replace(context: EvalContext, text: str, old: str, new: str, count: int | None = None) -> str:
    # Jinja2 looks for the one or the other, by what is marked as HTML.
    places = max(str(text).count(str(old)), escape(text).count(escape(old)))
    _check_chars(places * len(escape(new)))
    return do_replace(context, text, old, new, count)


def _round(value: float, precision: Any = 0, method: Any = "common") -> float:
    if isinstance(precision, int) and abs(precision) > _PLACES_MAX:
        raise FilterArgumentError(f"round takes at most {_PLACES_MAX} places")
    return do_round(value, precision, method)


@pass_environment
def _sum(
    environment: Environment, items: Iterable[Any], attribute: str | int | None = None, start: Any = 0
) -> Any:
    # Lists are added by copying: as many as an event brings would take minutes.
    if not isinstance(start, int | float):
        raise FilterArgumentError(f"sum adds numbers and starts at one, not at a {type(start).__name__}")
    return sync_do_sum(environment, items, attribute, start)


@pass_environment
def _wordwrap(environment: Environment, text: str, *options: Any, **named: Any) -> str:
    longest = max(map(len, _runs(text)))
    if longest > _RUN_CHARS_MAX:
        raise TemplateRuntimeError(f"wordwrap takes no {longest} characters without, or of, space")
    return do_wordwrap(environment, text, *options, **named)


def _check_chars(chars: int) -> None:
    if chars > TEXT_CHARS_MAX:
        raise TemplateRuntimeError(f"it puts more than {TEXT_CHARS_MAX} characters together")


def _walking(walks: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that looks at each item of a list: two such lists in each other take minutes."""

    # It keeps Jinja2's mark of what the first argument is: one of the three that lead to the environment.
    @wraps(walks)
    def walk(given: Any, items: Any, *args: Any, **named: Any) -> Any:
        if isinstance(items, Sized):
            environment: Any = given if isinstance(given, Environment) else given.environment
            environment.walked(len(items))
        return walks(given, items, *args, **named)

    return walk


_BOUNDED: Final[dict[str, Callable[..., Any]]] = {
    **{name: JINJA_FILTERS[name] for name in _ALLOWED},
    "join": _join,
    "replace": _replace,
    "round": _round,
    "sum": _sum,
    "wordwrap": _wordwrap,
}
FILTERS: Final = {name: _walking(each) if name in _WALKING else each for name, each in _BOUNDED.items()}
