from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from itertools import count

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from notifyd.sandbox.embedded_aws import EmbeddedAws, run_embedded_aws
from tests.fakes.system import FakeClock, FakeEntropy

_PREFIXES = count()

# What may block while our code is on the stack, and why it never does so while events flow.
_MAY_BLOCK = (
    # Service models, read once for each client, at start.
    ("botocore/loaders.py", {"load_file", "exists", "list_available_services", "list_api_versions"}),
    ("botocore/configloader.py", {"raw_config_parse", "_raw_config_parse"}),
    # TLS roots, read once for each SSLContext, at start.
    ("notifyd/wire/tls.py", {"client_context"}),
    # Templates are compiled when they are loaded or refreshed; traceback lines are read when one fails.
    ("jinja2/loaders.py", {"get_source"}),
    ("linecache.py", {"checkcache", "updatecache"}),
)


@pytest.fixture(autouse=True)
def no_blocking_call() -> Iterator[BlockBuster]:
    """A blocking call out of our code while the loop runs fails the test."""
    with blockbuster_ctx("notifyd") as blockbuster:
        for function in blockbuster.functions.values():
            for file, names in _MAY_BLOCK:
                function.can_block_in(file, names)
        yield blockbuster


@pytest.fixture(scope="session")
def embedded_aws() -> Iterator[EmbeddedAws]:
    """One AWS on loopback for each test process; tests keep apart by `prefix`."""
    with run_embedded_aws() as aws:
        yield aws


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """Names nobody else in this test process uses, short enough for every AWS name."""
    return f"t{next(_PREFIXES)}-{sha256(request.node.nodeid.encode()).hexdigest()[:8]}"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def entropy() -> FakeEntropy:
    return FakeEntropy()
