"""NOTIFYD_… variables as an overlay of the file."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource

from notifyd.config_faults import nearest
from notifyd.errors import Fault
from notifyd.yaml_lines import Loc, dotted

PREFIX = "NOTIFYD_"
DELIMITER = "__"
# More are no index but a slip of the hand, and too many no number that Python reads.
_INDEX_DIGITS_MAX = 6


class Environment(EnvSettingsSource):
    """pydantic-settings' reading of variables, over an environment that is passed in."""

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        self._environ = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
        self._variables = {_loc(name): name for name in self._environ}
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environ.items() if value}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """What is no JSON stays text, and is refused by its model with the variable's name beside it."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value

    def __call__(self) -> dict[str, Any]:
        """pydantic-settings decodes JSON for a section's keys, and not for what stands inside of its lists."""
        decoded: dict[str, Any] = _decoded(super().__call__(), in_list=False)
        return decoded

    def variable_of(self, loc: Loc) -> str | None:
        """The variable that set a key or something around it."""
        while loc:
            if (name := self._variables.get(loc)) and self._environ[name]:
                return name
            loc = loc[:-1]
        return None

    def gap_faults(self, base: Any) -> list[Fault]:
        """Variables of entries past the end of a list: laid over `base` they would move up to another place."""
        given = {loc[: depth + 1] for loc in self._variables for depth in range(len(loc))}
        faults: list[Fault] = []
        for loc, name in self._variables.items():
            for depth, index in enumerate(loc if self._environ[name] else ()):
                there = _at(base, loc[:depth])
                if isinstance(index, int) and (there is None or isinstance(there, list)):
                    end = _end(len(there or ()), loc[:depth], given)
                    if index > end:
                        what = f"there is no {dotted((*loc[:depth], index - 1))} before it"
                        faults.append(Fault(name, what, f"the next one is {dotted((*loc[:depth], end))}"))
        return faults

    def unknown_faults(self, known: list[str]) -> list[Fault]:
        """Variables of no section. One without `__` may be a Kubernetes service's of our name."""
        return [
            Fault(name, f"no section {loc[0]!r}", nearest(str(loc[0]), known))
            for loc, name in self._variables.items()
            if len(loc) > 1 and loc[0] not in known
        ]


def _loc(variable: str) -> Loc:
    parts = variable.removeprefix(PREFIX).lower().split(DELIMITER)
    return tuple(int(part) if _is_index(part) else part for part in parts)


def _is_index(part: str) -> bool:
    return part.isdecimal() and len(part) <= _INDEX_DIGITS_MAX


def _at(base: Any, loc: Loc) -> Any:
    for part in loc:
        try:
            base = base[part]
        except (KeyError, IndexError, TypeError):
            return None
    return base


def _end(length: int, around: Loc, given: Container[Loc]) -> int:
    """The list's length with all entries that follow it without a gap."""
    while (*around, length) in given:
        length += 1
    return length


def _decoded(value: Any, *, in_list: bool) -> Any:
    if isinstance(value, dict):
        in_list = in_list or all(map(_is_index, value))
        return {key: _decoded(inner, in_list=in_list) for key, inner in value.items()}
    if in_list and isinstance(value, str) and value.startswith(("[", "{")):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def overlay(base: Any, over: Any) -> Any:
    """`over` laid on `base`: mappings merge, `{"0": …}` reaches into a list, all else replaces."""
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {key: overlay(base.get(key), value) for key, value in over.items()}
    if isinstance(over, dict) and over and all(map(_is_index, over)):
        entries = dict(enumerate(base if isinstance(base, list) else []))
        for key, value in over.items():
            entries[int(key)] = overlay(entries.get(int(key)), value)
        return [entries[index] for index in sorted(entries)]
    return over
