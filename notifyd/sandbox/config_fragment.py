"""The `providers` section of a notifyd.yaml that sends to a sandbox, with its secrets in files beside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import yaml

from notifyd.sandbox.provider_sandbox import Sandbox

_SENDER = "Sandbox <sandbox@example.com>"
_NUMBER = "+15557771111"


def write_fragment(sandbox: Sandbox, config: Path) -> None:
    """Writes `config`, and beside it the folder `<name>-secrets` with what it refers to. Blocks."""
    folder = config.absolute().with_name(f"{config.stem}-secrets")
    folder.mkdir(mode=0o700, exist_ok=True)

    def secret(name: str, value: str) -> str:
        return f"file:{_written(folder / name, value)}"

    ca_file = shutil.copyfile(sandbox.ca_file, folder / "ca.pem")
    settings = {"providers": provider_settings(sandbox, secret, ca_file)}
    config.write_text("# The providers of a running sandbox.\n" + yaml.safe_dump(settings, sort_keys=False))


def provider_settings(
    sandbox: Sandbox, secret: Callable[[str, str], str], ca_file: Path
) -> dict[str, dict[str, Any]]:
    """By notifyd's name of each provider that is served; `secret` puts a value away and gives its reference."""
    known, urls = sandbox.credentials, sandbox.urls
    sections: dict[str, Callable[[], dict[str, Any]]] = {
        "smtp": lambda: {"sender": _SENDER, "starttls": False},
        "ses": lambda: {"sender": _SENDER},
        "sendgrid": lambda: {"sender": _SENDER, "api_key": secret("sendgrid_api_key", known.sendgrid_api_key)},
        "mailchimp": lambda: {
            "sender": _SENDER,
            "api_key": secret("mailchimp_api_key", known.mailchimp_api_key),
            "searches": True,
        },
        "sns_sms": dict,
        "twilio": lambda: {
            "account_sid": known.twilio_account_sid,
            "auth_token": secret("twilio_auth_token", known.twilio_auth_token),
            "sender": _NUMBER,
        },
        "vonage": lambda: {
            "api_key": known.vonage_api_key,
            "api_secret": secret("vonage_api_secret", known.vonage_api_secret),
            "sender": "Sandbox",
        },
        "apns": lambda: {
            "topic": known.apns_topic,
            "key": secret("apns_key.p8", known.apns_key_p8),
            "key_id": known.apns_key_id,
            "team_id": known.apns_team_id,
        },
        "fcm": lambda: {
            "service_account": secret("fcm.json", msgspec.json.encode(sandbox.service_account).decode())
        },
        "web_push": lambda: {
            "vapid_key": secret("vapid_key", known.vapid_private_key),
            "contact": "mailto:sandbox@example.com",
            "allow_private": True,
        },
        "slack": lambda: {"token": secret("slack_token", known.slack_token), "hooks_url": urls["slack_webhook"]},
        "webhook": lambda: {"secrets": [secret("webhook", known.webhook_secret)], "allow_private": True},
    }
    in_clear = {"ses", "smtp"}
    return {
        name: section() | {"base_url": urls[name]} | ({} if name in in_clear else {"ca_file": str(ca_file)})
        for name, section in sections.items()
        if name in urls
    }


def _written(file: Path, value: str) -> Path:
    file.touch(mode=0o600)
    file.write_text(value, encoding="utf-8")
    return file
