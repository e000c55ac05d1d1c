"""PROVIDERS, the folder and what is built from both agree."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from notifyd import providers
from notifyd.aws.session import AwsSession
from notifyd.providers import PROVIDERS, ProviderContext
from notifyd.wire.credentials import Credentials
from tests.fakes.system import FakeClock, FakeEntropy
from tests.support.push_keys import P256, SERVICE_ACCOUNT, pem_of

SECRETS = {"P256_KEY": pem_of(P256), "SERVICE_ACCOUNT": SERVICE_ACCOUNT}
NEEDED = {"sender": "shop@example.com"}
APNS_KEY = {"key": "env:P256_KEY", "key_id": "ABC123DEFG", "team_id": "DEF123GHIJ"}
CONFIGS = {
    "fcm": {"service_account": "env:SERVICE_ACCOUNT"},
    "apns": APNS_KEY | {"topic": "com.example.shop"},
    "mailchimp": NEEDED | {"api_key": "env:API_KEY"},
    "sendgrid": NEEDED | {"api_key": "env:API_KEY"},
    "ses": NEEDED | {"base_url": "http://127.0.0.1:9"},
    "slack": {"token": "env:TOKEN"},
    "smtp": NEEDED | {"base_url": "smtp://relay.example", "username": "me", "password": "env:RELAY_PASSWORD"},
    "sns_sms": {"base_url": "http://127.0.0.1:9"},
    "twilio": {"account_sid": "AC" + "0" * 32, "auth_token": "env:TOKEN", "sender": "+15005550006"},
    "vonage": {"api_key": "abcd1234", "api_secret": "env:SECRET", "sender": "Shop"},
    "web_push": {"vapid_key": "env:P256_KEY", "contact": "mailto:ops@example.com"},
    "webhook": {"secrets": ["env:WEBHOOK_SECRET"]},
}


@pytest.fixture
async def context(clock: FakeClock, entropy: FakeEntropy) -> AsyncIterator[ProviderContext]:
    known = Credentials("AKIDTEST", "secret")
    async with AwsSession("eu-west-1", clock=clock, entropy=entropy, static=known) as session:
        yield ProviderContext(
            clock=clock,
            entropy=entropy,
            send_timeout_s=5.0,
            open_aws=session.lean,
            secret=lambda ref: SecretStr(SECRETS.get(ref.name, "secret")),
        )


def test_every_file_of_the_folder_is_a_line_of_the_table() -> None:
    folder = Path(providers.__file__).parent
    files = {file.stem for file in folder.glob("*.py") if not file.stem.startswith("_")}
    assert files == set(PROVIDERS)


@pytest.mark.parametrize("name", list(PROVIDERS))
async def test_a_provider_is_what_its_line_says(name: str, context: ProviderContext) -> None:
    line = PROVIDERS[name]
    provider = await line.build(line.config_model.model_validate(CONFIGS[name]), context)
    assert (provider.name, provider.channel) == (name, line.channel)
    await provider.close()


@pytest.mark.parametrize("name", list(PROVIDERS))
def test_every_provider_can_be_pointed_at_a_stand_in(name: str) -> None:
    model = PROVIDERS[name].config_model
    assert {"base_url", "ca_file", "rate_per_s"} <= set(model.model_fields)
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"
