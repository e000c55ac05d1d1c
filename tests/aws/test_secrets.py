"""Secrets by their references, from where each scheme keeps them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from notifyd.aws.region import find_region
from notifyd.aws.secrets import fetch_secrets
from notifyd.aws.session import AwsSession
from notifyd.errors import ConfigError, TransportError
from notifyd.secret_ref import SecretRef
from notifyd.system import SystemClock, SystemEntropy
from notifyd.wire.credentials import Credentials

pytestmark = pytest.mark.aws


async def test_each_scheme_gives_its_secret(aws: AwsSession, prefix: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("of-file\n")
    async with aws.client("secretsmanager") as secrets, aws.client("ssm") as ssm:
        await secrets.create_secret(Name=f"{prefix}/plain", SecretString="of-manager")
        nested = json.dumps({"smtp": {"password": "of-json"}})
        await secrets.create_secret(Name=f"{prefix}/json", SecretString=nested)
        await ssm.put_parameter(Name=f"/{prefix}/key", Value="of-ssm", Type="SecureString")
    expected = {
        "env:KEY": "of-env",
        f"file:{tmp_path}/key": "of-file",
        f"secretsmanager:{prefix}/plain": "of-manager",
        f"secretsmanager:{prefix}/json#smtp.password": "of-json",
        f"ssm:/{prefix}/key": "of-ssm",
    }
    found = await fetch_secrets([SecretRef.parse(text) for text in expected], aws, {"KEY": "of-env"})
    assert {str(ref): secret.get_secret_value() for ref, secret in found.items()} == expected
    assert "of-" not in repr(list(found.values()))


async def test_every_secret_that_cannot_be_had_is_a_fault_under_its_reference(
    aws: AwsSession, prefix: str
) -> None:
    async with aws.client("secretsmanager") as secrets:
        await secrets.create_secret(Name=f"{prefix}/json", SecretString='{"a": {"b": 1}}')
        await secrets.create_secret(Name=f"{prefix}/text", SecretString="no json")
        await secrets.create_secret(Name=f"{prefix}/binary", SecretBinary=b"bytes")
    missing = [
        "env:NONE",
        "file:/nowhere/none",
        f"secretsmanager:{prefix}/none",
        f"secretsmanager:{prefix}/json#a.c",
        f"secretsmanager:{prefix}/json#a.b",
        f"secretsmanager:{prefix}/text#a",
        f"secretsmanager:{prefix}/binary",
        f"ssm:/{prefix}/none",
    ]
    with pytest.raises(ConfigError) as caught:
        await fetch_secrets([SecretRef.parse(text) for text in missing], aws, {})
    assert [fault.where for fault in caught.value.faults] == missing


async def test_an_outage_is_no_fault_of_the_config() -> None:
    """A worker that is started anew in the middle of one is tried again, and takes no other worker down."""
    away = AwsSession(
        "us-east-1",
        clock=SystemClock(),
        entropy=SystemEntropy(),
        endpoint_url="http://127.0.0.1:1",
        static=Credentials("AKID", "none"),
    )
    async with away:
        with pytest.raises(TransportError, match="ssm:/key: cannot be read now: Could not connect"):
            await fetch_secrets([SecretRef.parse("ssm:/key")], away, {})


def test_the_region_is_the_configs_or_else_the_environments() -> None:
    assert find_region("eu-west-1", {"AWS_REGION": "us-east-2"}) == "eu-west-1"
    assert find_region(None, {"AWS_REGION": "us-east-2"}) == "us-east-2"
