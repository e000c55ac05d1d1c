from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

from tests.support.memory_loop import MemoryLoop

# What opens connections: uvloop's transports are its own, and what holds on one loop need not on the other.
_ON_BOTH_LOOPS = {
    "test_transport.py",
    "test_transport_contract.py",
    "test_http1_transport.py",
    "test_tls.py",
    "test_http2_accounting.py",
    "test_http2_answers.py",
    "test_http2_pool.py",
    "test_http2_streams.py",
    "test_http2_tally.py",
    "test_http2_tls.py",
}
# What is about time alone.
_IN_MEMORY = {"test_http2_deadlines.py"}
_ASYNCIO: Mapping[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name in _IN_MEMORY:
        return {"memory": MemoryLoop}
    return {**_ASYNCIO, "uvloop": uvloop.new_event_loop} if item.path.name in _ON_BOTH_LOOPS else _ASYNCIO
