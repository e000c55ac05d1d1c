"""Fetches the secrets that the config refers to, once, at start."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from typing import Any

import anyio.to_thread
import msgspec
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from pydantic import SecretStr

from notifyd.aws.outage import is_outage
from notifyd.aws.session import AwsSession
from notifyd.errors import ConfigError, Fault, TransportError
from notifyd.secret_ref import SecretRef, SecretScheme, read_local_secret


async def fetch_secrets(
    refs: Collection[SecretRef], session: AwsSession, environ: Mapping[str, str]
) -> dict[SecretRef, SecretStr]:
    """Each secret by its reference.

    Raises:
        ConfigError: with a fault for each that could not be had.
        TransportError: AWS could not be asked: it may well answer the next time.
    """
    found: dict[SecretRef, SecretStr] = {}
    faults: list[Fault] = []
    async with AsyncExitStack() as stack:
        clients: dict[SecretScheme, Any] = {}
        for ref in refs:
            try:
                if ref.scheme in {SecretScheme.ENV, SecretScheme.FILE}:
                    found[ref] = await anyio.to_thread.run_sync(read_local_secret, ref, environ)
                    continue
                if ref.scheme not in clients:
                    clients[ref.scheme] = await stack.enter_async_context(session.client(ref.scheme))
                found[ref] = await _fetch(ref, clients[ref.scheme])
            except ConfigError as error:
                faults += error.faults
            except (ClientError, BotoCoreError) as error:
                if _may_pass(error):
                    raise TransportError(f"{ref}: cannot be read now: {error}") from error
                mend = "create it, or let the role read it"
                faults.append(Fault(str(ref), f"cannot be read: {error}", mend))
    if faults:
        raise ConfigError(faults)
    return found


def _may_pass(error: ClientError | BotoCoreError) -> bool:
    """Nothing in the config is to blame. Nor is it where there are no credentials: an instance's role that does
    not answer leaves none, and `check` tells where there never are any.
    """
    return is_outage(error) or (isinstance(error, BotoCoreError) and not isinstance(error, ParamValidationError))


async def _fetch(ref: SecretRef, client: Any) -> SecretStr:
    if ref.scheme is SecretScheme.SSM:
        answer = await client.get_parameter(Name=ref.name, WithDecryption=True)
        return SecretStr(answer["Parameter"]["Value"])
    answer = await client.get_secret_value(SecretId=ref.name)
    text = answer.get("SecretString")
    if text is None:
        raise ConfigError([Fault(str(ref), "is a binary secret", "store it as text")])
    return SecretStr(_at(text, ref) if ref.json_key else text)


def _at(text: str, ref: SecretRef) -> str:
    try:
        value: Any = msgspec.json.decode(text)
        for part in ref.json_key.split("."):
            value = value[part]
    except (msgspec.DecodeError, KeyError, TypeError):
        value = None
    if not isinstance(value, str):
        what = f"its JSON has no text under {ref.json_key!r}"
        raise ConfigError([Fault(str(ref), what, "name the key as it is in the secret")])
    return value
