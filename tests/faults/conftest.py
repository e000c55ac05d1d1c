from __future__ import annotations

import pytest


@pytest.fixture
def no_blocking_call() -> None:
    """The daemon has a process of its own: nothing that a run blocks is its loop."""
