"""What `make failover` promises."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from tests.simulation.failover import failover
from tests.support.virtual_time import VirtualLoop


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_provider_that_fails_throttles_or_is_shared_breaks_no_promise() -> None:
    with capture_logs(), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        result = runner.run(failover(lambda _: None))
    assert [f"{one.name}: {one.value}" for one in result.broken] == []
