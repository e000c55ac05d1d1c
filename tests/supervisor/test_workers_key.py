"""The key `workers`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.config_file import faults, load


@pytest.mark.parametrize(
    ("written", "read"), [("1", 1), ("4", 4), ("256", 256), ("auto", "auto"), ('"2"', 2)], ids=str
)
def test_it_is_a_number_or_auto(tmp_path: Path, written: str, read: int | str) -> None:
    assert load(tmp_path, workers=f"workers: {written}").workers == read
    assert load(tmp_path, {"NOTIFYD_WORKERS": written.strip('"')}).workers == read


def test_one_is_the_default(tmp_path: Path) -> None:
    assert load(tmp_path).workers == 1


@pytest.mark.parametrize("written", ["0", "257", "-1", "1.5", "true", "many", "[2]"])
def test_anything_else_is_refused_with_its_mend(tmp_path: Path, written: str) -> None:
    (fault,) = faults(tmp_path, workers=f"workers: {written}")
    assert fault.startswith("notifyd.yaml:5: workers is ")
    assert fault.endswith("; write auto, or how many processes: 1 to 256")
