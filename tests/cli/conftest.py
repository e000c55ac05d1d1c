from __future__ import annotations

import pytest


@pytest.fixture
def no_blocking_call() -> None:
    """A command has its loop for itself: nothing else waits while it reads a file."""
