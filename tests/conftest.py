from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import settings

from notifyd.aws.session import AwsSession
from notifyd.sandbox.embedded_aws import EmbeddedAws, run_embedded_aws
from notifyd.wire.credentials import Credentials
from tests.fakes.system import FakeClock, FakeEntropy
from tests.support.checking_proxy import CheckingProxy, checking_proxy

# Two busy cores: how long an example takes says nothing.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")

_PREFIXES = count()

# What may block while our code is on the stack, and why it never does so while events flow.
_MAY_BLOCK = (
    # Service models, profiles and token files: read when a client is made or credentials are fetched.
    ("aiobotocore/session.py", {"_create_client"}),
    ("botocore/configloader.py", {"load_config", "raw_config_parse"}),
    ("notifyd/aws/credentials.py", {"_fetch"}),
    # TLS roots, read once for each SSLContext, at start.
    ("notifyd/wire/tls.py", {"client_context"}),
    # Templates are compiled when they are loaded or refreshed; traceback lines are read when one fails.
    ("jinja2/loaders.py", {"get_source"}),
    ("linecache.py", {"checkcache", "updatecache"}),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole daemons first: those tests are the longest, and others have the cores while they wait."""
    items.sort(key=lambda item: "e2e" not in item.path.parts)


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
async def checked_aws(embedded_aws: EmbeddedAws, today: FakeClock) -> AsyncIterator[CheckingProxy]:
    """The embedded AWS behind a proxy that holds hand-written requests to AWS's own models and signatures."""
    known = Credentials(embedded_aws.access_key, embedded_aws.secret_key)
    async with checking_proxy(
        upstream=embedded_aws.url, region=embedded_aws.region, known=known, clock=today
    ) as proxy:
        yield proxy
    assert proxy.faults == []


@pytest.fixture
async def aws(
    embedded_aws: EmbeddedAws, checked_aws: CheckingProxy, today: FakeClock, entropy: FakeEntropy
) -> AsyncIterator[AwsSession]:
    """Our own session with the embedded AWS: whatever is hand-written passes the checking proxy."""
    known = Credentials(embedded_aws.access_key, embedded_aws.secret_key)
    async with AwsSession(
        embedded_aws.region, clock=today, entropy=entropy, endpoint_url=checked_aws.url, static=known
    ) as session:
        yield session


@pytest.fixture
def today() -> FakeClock:
    """Starts now: what AWS answers carries the date of today."""
    return FakeClock(now_s=datetime.now(UTC).timestamp())  # noqa: TID251 - the one place that asks what day it is


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
