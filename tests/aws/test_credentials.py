from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiobotocore.credentials import AioRefreshableCredentials
from aiobotocore.session import AioSession
from botocore.exceptions import MetadataRetrievalError

from notifyd.aws.credentials import SessionCredentials
from notifyd.aws.session import AwsSession
from notifyd.errors import ConfigError, NotSent
from notifyd.wire.credentials import Credentials
from tests.fakes.system import FakeClock, FakeEntropy
from tests.support.hostile_server import answer, answering, hostile_server
from tests.support.virtual_time import VirtualClock, in_virtual_time


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


WITHIN_S = 5.0
FRESH_S = 6 * 3600
AGEING_S = 12 * 60  # botocore wants new ones from 15 minutes before the end, and insists from 10
ENDING_S = 30


def document(number: int, lifetime_s: int) -> dict[str, str]:
    ends = datetime.now(UTC) + timedelta(seconds=lifetime_s)  # noqa: TID251 - botocore compares with today
    return {
        "access_key": f"key-{number}",
        "secret_key": "secret",
        "token": "token",
        "expiry_time": ends.isoformat(),
    }


class Role(AioSession):  # type: ignore[misc] # aiobotocore has no types
    """A session whose role hands out credentials of these lifetimes, then fails."""

    def __init__(self, *lifetimes_s: int) -> None:
        super().__init__()
        self._lifetimes_s = lifetimes_s
        self.asked = 0
        self._refreshable = AioRefreshableCredentials.create_from_metadata(self._next(), self._refresh, "role")

    async def get_credentials(self) -> AioRefreshableCredentials:
        return self._refreshable

    async def _refresh(self) -> dict[str, str]:
        return self._next()

    def _next(self) -> dict[str, str]:
        self.asked += 1
        if self.asked > len(self._lifetimes_s):
            raise MetadataRetrievalError(error_msg="the role does not answer")
        return document(self.asked, self._lifetimes_s[self.asked - 1])


async def test_no_credentials_anywhere_is_a_fault_of_the_config(clock: FakeClock) -> None:
    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID"):
        await SessionCredentials(AioSession(), clock).current(WITHIN_S)


async def test_the_environment_s_credentials_are_taken(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    source = SessionCredentials(AioSession(), clock)
    assert await source.current(WITHIN_S) == Credentials("key", "secret")
    assert await source.current(WITHIN_S) is await source.current(WITHIN_S)


async def test_a_task_role_s_credentials_are_taken(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_out = {
        "AccessKeyId": "key",
        "SecretAccessKey": "secret",
        "Token": "token",
        "Expiration": document(1, FRESH_S)["expiry_time"],
    }
    body = answer(body=json.dumps(handed_out).encode(), Content_Type="application/json")
    async with hostile_server(answering(body)) as role:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", role.url)
        source = SessionCredentials(AioSession(), clock)
        assert await source.current(WITHIN_S) == Credentials("key", "secret", "token")


async def test_a_role_is_asked_once_while_its_credentials_are_fresh(clock: FakeClock) -> None:
    role = Role(FRESH_S)
    source = SessionCredentials(role, clock)
    assert await source.current(WITHIN_S) is await source.current(WITHIN_S)
    assert role.asked == 1


async def test_ageing_credentials_are_replaced_as_soon_as_new_ones_come(clock: FakeClock) -> None:
    source = SessionCredentials(Role(AGEING_S, AGEING_S, FRESH_S), clock)
    assert (await source.current(WITHIN_S)).access_key == "key-2"
    clock.advance(30)
    assert (await source.current(WITHIN_S)).access_key == "key-3"


async def test_a_role_that_fails_early_is_asked_every_thirty_seconds_and_the_old_credentials_serve(
    clock: FakeClock,
) -> None:
    role = Role(AGEING_S)
    source = SessionCredentials(role, clock)
    for _ in range(10):
        assert (await source.current(WITHIN_S)).access_key == "key-1"
    assert role.asked == 2
    clock.advance(30)
    assert (await source.current(WITHIN_S)).access_key == "key-1"
    assert role.asked == 3


async def test_credentials_at_their_end_without_new_ones_mean_not_sent(clock: FakeClock) -> None:
    with pytest.raises(NotSent, match="the role does not answer"):
        await SessionCredentials(Role(ENDING_S), clock).current(WITHIN_S)


class SilentRole(Role):
    """Never answers again after these, where the other fails."""

    async def _refresh(self) -> dict[str, str]:
        return self._next() if self.asked < len(self._lifetimes_s) else await asyncio.Future()


@pytest.mark.parametrize("within_s", [5.0, 1.0])
@pytest.mark.parametrize(("lifetime_s", "serves"), [(AGEING_S, True), (ENDING_S, False)])
@in_virtual_time
async def test_a_role_that_is_silent_leaves_half_of_the_time_to_whoever_asked(
    within_s: float, lifetime_s: int, *, serves: bool
) -> None:
    clock = VirtualClock()
    source = SessionCredentials(SilentRole(lifetime_s, lifetime_s), clock)
    assert (await source.current(within_s)).access_key == "key-2"
    await clock.sleep(30)
    asked_at_s = clock.elapsed_s()
    if serves:
        assert (await source.current(within_s)).access_key == "key-2"
    else:
        with pytest.raises(NotSent, match=f"none within {within_s / 2:g} s"):
            await source.current(within_s)
    assert clock.elapsed_s() - asked_at_s == pytest.approx(within_s / 2)


async def test_a_half_given_pair_says_which_half_is_missing(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    with pytest.raises(NotSent, match="AWS_SECRET_ACCESS_KEY"):
        await SessionCredentials(AioSession(), clock).current(WITHIN_S)


async def test_a_profile_that_does_not_exist_is_a_fault_of_the_config(
    clock: FakeClock, entropy: FakeEntropy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ConfigError, match="nobody"):
        AwsSession("eu-west-1", clock=clock, entropy=entropy)


@pytest.mark.parametrize(
    ("variable", "expected"),
    [("AWS_ENDPOINT_URL", "http://everywhere:1"), ("AWS_ENDPOINT_URL_SQS", "http://queues:2")],
)
async def test_endpoints_follow_the_environment(
    clock: FakeClock, entropy: FakeEntropy, monkeypatch: pytest.MonkeyPatch, variable: str, expected: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://everywhere:1")
    monkeypatch.setenv(variable, expected)
    known = Credentials("key", "secret")
    async with AwsSession("eu-west-1", clock=clock, entropy=entropy, static=known) as session:
        assert await session.endpoint("sqs") == expected


async def test_without_one_the_endpoint_is_the_region_s_own(clock: FakeClock, entropy: FakeEntropy) -> None:
    known = Credentials("key", "secret")
    async with AwsSession("eu-west-1", clock=clock, entropy=entropy, static=known) as session:
        assert await session.endpoint("dynamodbstreams") == "https://streams.dynamodb.eu-west-1.amazonaws.com"
