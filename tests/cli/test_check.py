"""`notifyd check` tells of SES and SNS where they are used, and of nobody else's account."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from notifyd.aws.session import AwsSession
from notifyd.cli.check import account_findings
from tests.support.config_file import load


@pytest.mark.parametrize(
    ("provider", "section", "told"),
    [
        ("sns_sms", "{sender_id: Shop}", ["SNS text messages"]),
        ("sns_sms", "{sender_id: Shop, base_url: 'https://127.0.0.1:1'}", []),
        ("vonage", "{api_key: key, api_secret: env:SECRET, sender: Shop}", []),
    ],
)
async def test_sns_spend_limit_is_told_where_sns_of_this_account_sends(
    aws: AwsSession, tmp_path: Path, provider: str, section: str, told: list[str]
) -> None:
    config = await asyncio.to_thread(
        load,
        tmp_path,
        channels=f"channels: {{sms: {{provider: {provider}}}}}",
        providers=f"providers: {{{provider}: {section}}}",
    )
    faults, warnings = await account_findings(config, aws)
    assert faults == []
    assert [one.where for one in warnings] == told
