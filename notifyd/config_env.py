"""NOTIFYD_… variables as an overlay of the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource

from notifyd.config_faults import nearest
from notifyd.errors import Fault
from notifyd.yaml_lines import Loc

PREFIX = "NOTIFYD_"
DELIMITER = "__"


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

    def variable_of(self, loc: Loc) -> str | None:
        """The variable that set a key or something around it."""
        while loc:
            if name := self._variables.get(loc):
                return name
            loc = loc[:-1]
        return None

    def unknown_faults(self, known: list[str]) -> list[Fault]:
        """Variables of no section. One without `__` may be a Kubernetes service's of our name."""
        return [
            Fault(name, f"no section {loc[0]!r}", nearest(str(loc[0]), known))
            for loc, name in self._variables.items()
            if len(loc) > 1 and loc[0] not in known
        ]


def _loc(variable: str) -> Loc:
    parts = variable.removeprefix(PREFIX).lower().split(DELIMITER)
    return tuple(int(part) if part.isdecimal() else part for part in parts)


def overlay(base: Any, over: Any) -> Any:
    """`over` laid on `base`: mappings merge, `{"0": …}` reaches into a list, all else replaces."""
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {key: overlay(base.get(key), value) for key, value in over.items()}
    if isinstance(over, dict) and over and all(key.isdecimal() for key in over):
        entries = dict(enumerate(base if isinstance(base, list) else []))
        for key, value in over.items():
            entries[int(key)] = overlay(entries.get(int(key)), value)
        return [entries[index] for index in sorted(entries)]
    return over
