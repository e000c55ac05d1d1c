"""docs/providers.md has a row for each provider, with its channel and platform."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifyd.providers import PROVIDERS

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text()


@pytest.mark.parametrize("name", list(PROVIDERS))
def test_a_provider_has_a_row(name: str) -> None:
    line = PROVIDERS[name]
    served = f"{line.channel}, `{line.platform}`" if line.platform else line.channel
    assert f"| `{name}` | {served} |" in PAGE
