from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The console's tracebacks read files in the middle of the loop."""
    with capture_logs():
        yield
