"""Secrets in config are references; the value is fetched at start and never printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, SecretStr
from pydantic_core import CoreSchema, core_schema

from notifyd.config_values import wrong
from notifyd.errors import ConfigError, Fault

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue

FORMS = "env:NAME, file:/path, secretsmanager:id, secretsmanager:id#json.key or ssm:/name"


class SecretScheme(StrEnum):
    ENV = "env"
    FILE = "file"
    SECRETS_MANAGER = "secretsmanager"
    SSM = "ssm"


class SecretRef(msgspec.Struct, frozen=True):
    """Where a secret lies. `json_key`: the dotted path inside a Secrets Manager secret that is JSON."""

    scheme: SecretScheme
    name: str
    json_key: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}" + (f"#{self.json_key}" if self.json_key else "")

    @classmethod
    def parse(cls, text: object) -> SecretRef:
        """Raises ValueError without repeating `text`: it may be the secret itself, written here by mistake."""
        if isinstance(text, SecretRef):
            return text
        scheme, _, name = text.partition(":") if isinstance(text, str) else ("", "", "")
        if scheme not in set(SecretScheme) or not name:
            raise ValueError(f"this is no reference to a secret; a reference is {FORMS}")
        json_key = ""
        if scheme == SecretScheme.SECRETS_MANAGER:
            name, _, json_key = name.partition("#")
        return cls(SecretScheme(scheme), name, json_key)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _validated, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schemes = "|".join(SecretScheme)
        return {"type": "string", "pattern": f"^({schemes}):.+", "description": f"A secret's place: {FORMS}."}


def _validated(text: object) -> SecretRef:
    try:
        return SecretRef.parse(text)
    except ValueError:
        raise wrong("is no reference to a secret (and is not repeated here)", f"write {FORMS}") from None


def read_local_secret(ref: SecretRef, environ: Mapping[str, str]) -> SecretStr:
    """The secret behind an `env:` or `file:` reference; a file's last line break is not part of it.

    Raises:
        ConfigError: it is not there, or empty.
    """
    if ref.scheme is SecretScheme.ENV:
        value = environ.get(ref.name, "")
        if not value:
            raise ConfigError([Fault(str(ref), "the variable is not set", f"set {ref.name} in the environment")])
        return SecretStr(value)
    try:
        value = Path(ref.name).read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigError([Fault(str(ref), f"cannot be read: {why}", "mount the secret there")]) from None
    if not value:
        raise ConfigError([Fault(str(ref), "the file is empty", "write the secret into it")])
    return SecretStr(value)


def secret_refs(value: object) -> Iterator[SecretRef]:
    """Every reference in a config model, wherever it stands."""
    if isinstance(value, SecretRef):
        yield value
    elif isinstance(value, BaseModel):
        for _, inner in value:
            yield from secret_refs(inner)
    elif isinstance(value, Mapping):
        yield from secret_refs(tuple(value.values()))
    elif isinstance(value, tuple):
        for inner in value:
            yield from secret_refs(inner)
