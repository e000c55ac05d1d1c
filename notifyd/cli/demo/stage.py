"""What the demo's daemon stands on: an AWS and providers on loopback, and a config that names them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml

from notifyd.cli.demo.everything import WEIGHTS, open_sandbox, settings_of_all
from notifyd.core.channel import Channel
from notifyd.names import Names
from notifyd.sandbox.clients import client
from notifyd.sandbox.embedded_aws import EmbeddedAws
from notifyd.sandbox.provider_sandbox import Sandbox
from notifyd.sandbox.ses_sink import SesSink
from notifyd.sandbox.world import FILTERED_SOURCE, SourceKind

# Of a generous account: what the demo shows is not a quota.
SEND_RATE_MAX = 10_000.0
_IDENTITY_KEY = "delivery-ids-of-a-demo-need-no-secret"


class Stage(msgspec.Struct, frozen=True):
    """`journal`: what the providers took, written before they answer. `environment`: of the daemon's process;
    `variables`: a file with what of it a shell needs. `sandbox`: None where e-mail is all there is.
    """

    aws: EmbeddedAws
    sink: SesSink
    source: SourceKind
    names: Names
    folder: Path
    config: Path
    journal: Path
    environment: dict[str, str]
    variables: Path
    sandbox: Sandbox | None

    @property
    def channels(self) -> tuple[Channel, ...]:
        return (Channel.EMAIL,) if self.sandbox is None else tuple(WEIGHTS)

    def client(self, service: str) -> AbstractAsyncContextManager[Any]:
        return client(
            service,
            self.aws.url,
            region=self.aws.region,
            access_key=self.aws.access_key,
            secret_key=self.aws.secret_key,
        )


@asynccontextmanager
async def open_stage(
    aws: EmbeddedAws,
    folder: Path,
    *,
    source: SourceKind,
    prefix: str,
    config_folder: Path,
    all_channels: bool = False,
) -> AsyncIterator[Stage]:
    """`folder`: for config, journal and the daemon's log. `config_folder`: catalog and templates."""
    journal = folder / "mails.jsonl"
    journal.touch()
    async with AsyncExitStack() as stack:
        if all_channels:
            sandbox = await stack.enter_async_context(open_sandbox(journal))
            sink, sections = sandbox.ses, await settings_of_all(sandbox, folder)
        else:
            sandbox, sections = None, {}
            sink = await stack.enter_async_context(SesSink(journal=journal))
        sink.account.send_rate_max = SEND_RATE_MAX
        config = folder / "notifyd.yaml"
        settings = settings_of(source, prefix, sink.url, config_folder) | sections
        config.write_text(yaml.safe_dump(settings, sort_keys=False))
        variables = folder / "environment"
        variables.write_text("".join(f"{name}={value}\n" for name, value in variables_of(aws).items()))
        yield Stage(
            aws=aws,
            sink=sink,
            source=source,
            names=Names(prefix),
            folder=folder,
            config=config,
            journal=journal,
            # Nothing of the operator's: no profile, endpoint or NOTIFYD_ key of his reaches the demo.
            environment={"PATH": os.defpath, "HOME": str(folder), **variables_of(aws)},
            variables=variables,
            sandbox=sandbox,
        )


def settings_of(source: SourceKind, prefix: str, ses_url: str, config_folder: Path) -> dict[str, Any]:
    """Shipped defaults but for what a stand-in needs."""
    wanted = [{"anything-but": [FILTERED_SOURCE]}]
    pattern = (
        {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"source": {"S": wanted}}}}
        if source is SourceKind.DYNAMODB
        else {"data": {"source": wanted}}
    )
    return {
        "prefix": prefix,
        "sources": [{"kind": source.value, "starting_position": "TRIM_HORIZON", "filter_criteria": [pattern]}],
        "delivery": {"mode": "send"},
        "channels": {"email": {"provider": "ses"}},
        "identity": {"keys": [{"version": "1", "secret": "env:DEMO_IDENTITY_KEY"}]},
        "providers": {"ses": {"sender": "Notifications <notifications@example.com>", "base_url": ses_url}},
        "catalog": str(config_folder / "notifications.yaml"),
        "templates": {"folder": str(config_folder / "templates")},
    }


def variables_of(aws: EmbeddedAws) -> dict[str, str]:
    """How the daemon's process finds this AWS, and its own secret."""
    return {
        "AWS_REGION": aws.region,
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": aws.access_key,
        "AWS_SECRET_ACCESS_KEY": aws.secret_key,
        "AWS_EC2_METADATA_DISABLED": "true",
        "DEMO_IDENTITY_KEY": _IDENTITY_KEY,
    }
