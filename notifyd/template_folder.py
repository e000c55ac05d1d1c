"""Templates out of a folder, as `config/templates` is one."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path

from notifyd.errors import ConfigError, Fault


class TemplateFolder:
    """A version is the content's hash: what a ConfigMap swaps in under the same times counts as well."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def fetch(self, known_version: str | None) -> tuple[str, dict[str, str]] | None:
        """Raises ConfigError, with a fault for each file that cannot be read."""
        texts = await asyncio.to_thread(read_folder, self._folder)
        version = _version(texts)
        return None if version == known_version else (version, texts)


def read_folder(folder: Path) -> dict[str, str]:
    """Every file by its path below the folder, but hidden ones. Raises ConfigError."""
    if not folder.is_dir():
        raise ConfigError([Fault(str(folder), "is no folder", "name the folder that the templates are in")])
    texts = {}
    faults = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts) or path.is_dir():
            continue
        try:
            texts[name.as_posix()] = path.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            faults.append(Fault(str(path), str(error), "make it a readable file of UTF-8 text"))
    if faults:
        raise ConfigError(faults)
    return texts


def _version(texts: dict[str, str]) -> str:
    digest = sha256()
    for name, text in texts.items():
        for field in (name.encode(), text.encode()):
            digest.update(len(field).to_bytes(8))
            digest.update(field)
    return digest.hexdigest()[:16]
