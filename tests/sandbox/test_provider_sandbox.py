"""All providers of one sandbox: their ports, their addresses, and a config that sends to them."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from socket import create_server
from typing import Any

import phonenumbers
import pytest
import yaml
from aiohttp import ClientSession
from click.testing import CliRunner
from pydantic import ValidationError

from notifyd.cli.sandbox import sandbox
from notifyd.errors import ConfigError
from notifyd.providers import PROVIDERS as ADAPTERS
from notifyd.sandbox.config_fragment import write_fragment
from notifyd.sandbox.provider_sandbox import PROVIDERS, Sandbox
from tests.support.sandbox_client import sandbox_client


@pytest.fixture
async def fragment(tmp_path: Path) -> AsyncIterator[dict[str, Any]]:
    async with Sandbox() as sandbox:
        config = tmp_path / "sandbox.yaml"
        await asyncio.to_thread(write_fragment, sandbox, config)
        yield yaml.safe_load(config.read_text())["providers"]


async def test_the_config_it_writes_passes_every_provider_s_own_model(fragment: dict[str, Any]) -> None:
    assert set(fragment) >= set(ADAPTERS)
    for name, entry in ADAPTERS.items():
        try:
            entry.config_model.model_validate(fragment[name])
        except ValidationError as error:
            pytest.fail(f"{name}: {error}")


def test_nobody_else_can_read_the_secrets_it_writes(fragment: dict[str, Any], tmp_path: Path) -> None:
    secret = Path(fragment["twilio"]["auth_token"].removeprefix("file:"))
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(secret.parent.stat().st_mode) == 0o700
    assert secret.parent.parent == tmp_path


async def test_only_those_named_are_served() -> None:
    async with sandbox_client("twilio", "ses") as client:
        assert set(client.sandbox.urls) == {"twilio", "ses"}
        counts = (await client.tell("GET", "/counts")).json
        assert set(counts) == {"twilio", "ses"}


async def test_ses_and_smtp_are_told_over_the_same_control_api() -> None:
    async with sandbox_client("ses", "smtp") as client:
        assert (await client.tell("POST", "/faults/ses", [{"kind": "OneShort"}])).status == 204
        reply = {"kind": "Reply", "command": "RCPT", "text": "550 5.1.1 no"}
        assert (await client.tell("POST", "/faults/smtp", [reply])).status == 204
        assert (await client.tell("DELETE", "/faults/smtp")).status == 204
        for provider in ("ses", "smtp"):
            for refusal in ("sender", "throttled", "quota", "unavailable"):
                order = {"kind": "Refuse", "refusal": refusal, "share": 0.5, "duration_s": 1}
                assert (await client.tell("POST", f"/faults/{provider}", [order])).status == 204
        assert (await client.tell("POST", "/faults/ses", [{"kind": "Refuse", "refusal": "gone"}])).status == 400
        assert (await client.tell("DELETE", "/mailbox?provider=ses")).status == 204


def test_an_unknown_provider_is_named() -> None:
    with pytest.raises(ValueError, match="no provider carrier-pigeon here; there are ses, "):
        Sandbox("carrier-pigeon")


def _is_free(port: int) -> bool:
    """Below 32768, where no system takes ports of its own choice, it then stays so."""
    try:
        create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


async def test_ports_follow_the_base_in_a_fixed_order() -> None:
    base = next(base for base in range(20_000, 30_000, 100) if all(map(_is_free, range(base, base + 20))))
    async with Sandbox("ses", "webhook", port_base=base) as sandbox:
        assert sandbox.url == f"http://127.0.0.1:{base}"
        assert sandbox.urls["ses"] == f"http://127.0.0.1:{base + 1}"
        assert sandbox.urls["webhook"] == f"https://127.0.0.1:{base + 1 + PROVIDERS.index('webhook')}"


def test_its_addresses_are_of_the_form_that_channels_ask_for() -> None:
    numbers = Sandbox.phone_numbers(3)
    assert len(set(numbers)) == 3
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(number)) for number in numbers)
    assert {len(token) for token in Sandbox.device_tokens(3)} == {64}
    assert len(set(Sandbox.registration_tokens(3))) == 3


async def test_as_a_command_it_tells_its_endpoints_and_ends_in_order(tmp_path: Path) -> None:
    config = tmp_path / "sandbox.yaml"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "notifyd", "sandbox", "--json", "--only", "webhook", "--config-out", str(config),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    told = json.loads(await process.stdout.readline())
    try:
        tls = ssl.create_default_context(cafile=told["ca_file"])
        async with ClientSession() as session:
            async with session.get(told["endpoints"]["webhook"], ssl=tls) as answer:
                assert answer.status == 405
            async with session.get(f"{told['control']}/counts") as answer:
                assert set(await answer.json()) == {"webhook"}
        assert set(yaml.safe_load(config.read_text())["providers"]) == {"webhook"}
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert not await asyncio.to_thread(Path(told["ca_file"]).exists)


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(sandbox, ["--only", "webhook", "--port-base", port])
    assert isinstance(result.exception, ConfigError)
    (fault,) = result.exception.faults
    assert "address already in use" in fault.what
    assert "--port-base" in fault.mend


def test_a_provider_that_is_not_there_is_a_wrong_call() -> None:
    result = CliRunner().invoke(sandbox, ["--only", "carrier-pigeon"])
    assert result.exit_code == 2
    assert "no provider carrier-pigeon; there are ses, " in result.output
