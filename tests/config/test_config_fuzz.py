"""Whatever stands in the file or in the environment: a config, or faults; never anything else."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifyd.config import Config, load_config
from notifyd.errors import ConfigError
from tests.support.config_file import faults

_sections = st.sampled_from(sorted(Config.model_fields))
_keys = st.sampled_from(
    ["0", "kind", "keys", "secret", "email", "ses", "mode", "filter_criteria", "provider", "redirect_to"]
)
_leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.datetimes() | st.binary()
)
_names: st.SearchStrategy[Any] = _sections | _keys | st.integers() | st.booleans() | st.text()
_trees = st.recursive(_leaves, lambda inner: st.lists(inner) | st.dictionaries(_names, inner), max_leaves=20)
_variables = st.builds(
    lambda parts: f"NOTIFYD_{'__'.join(parts)}".upper(), st.lists(_sections | _keys, min_size=1, max_size=4)
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.dictionaries(_sections | _names, _trees), environ=st.dictionaries(_variables, st.text()))
def test_any_yaml_and_any_environment_give_a_config_or_faults(
    tmp_path: Path, data: dict[Any, Any], environ: dict[str, str]
) -> None:
    path = tmp_path / "notifyd.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    with suppress(ConfigError):
        load_config(path, environ)


@given(text=st.text())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_gives_faults(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notifyd.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(ConfigError):
        load_config(path, {})


@pytest.mark.parametrize(
    "text",
    [
        *("a: &a [*a]", "1: x", "? [a]\n: b", "a: !!python/name:os.system", "\x00", "a: *b"),
        *("a: !!timestamp x", "a: !!bool x", "a: !!int ''", "a: !!float ''"),
        *("__pydantic_self__: 1", "_cli_parse_args: [--help]"),
    ],
)
def test_odd_yaml_gives_faults(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notifyd.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        load_config(path, {})


def test_a_file_that_is_no_text_gives_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "notifyd.yaml"
    path.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match="no UTF-8 text"):
        load_config(path, {})


@pytest.mark.parametrize("key", ["_env_prefix", "_cli_parse_args", "__pydantic_self__"])
def test_a_key_that_only_the_library_knows_is_unknown(tmp_path: Path, key: str) -> None:
    assert faults(tmp_path, more=f"{key}: x")[0].startswith(f"notifyd.yaml:5: unknown key {key!r}; ")
