"""A config file that is right, but for the sections a test puts over it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from notifyd.config import Config, load_config
from notifyd.errors import ConfigError

GOOD = {
    "sources": "sources: [{kind: dynamodb}]",
    "identity": 'identity: {keys: [{version: "1", secret: env:KEY}]}',
    "channels": "channels: {email: {provider: ses}}",
    "providers": "providers: {ses: {sender: shop@example.com}}",
}


def write(folder: Path, **sections: str) -> Path:
    """A good config with these sections over it, one a line: the first line is that of `sources`."""
    path = folder / "notifyd.yaml"
    path.write_text("\n".join((GOOD | sections).values()), encoding="utf-8")
    return path


def load(folder: Path, environ: Mapping[str, str] | None = None, /, **sections: str) -> Config:
    return load_config(write(folder, **sections), environ or {})


def faults(folder: Path, environ: Mapping[str, str] | None = None, /, **sections: str) -> list[str]:
    """Without the folder, which is another one in each run."""
    with pytest.raises(ConfigError) as caught:
        load(folder, environ, **sections)
    return [str(fault).replace(f"{folder}/", "") for fault in caught.value.faults]
