"""Templates out of a folder, as `config/templates` is one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
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
    try:
        paths = sorted(_files(folder, frozenset()))
    except OSError as error:
        raise ConfigError([Fault(str(folder), str(error), "make it readable, with all below it")]) from None
    texts = {}
    faults = []
    for path in paths:
        name = path.relative_to(folder)
        try:
            texts[name.as_posix()] = path.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            faults.append(Fault(str(path), str(error), "make it a readable file of UTF-8 text"))
    if faults:
        raise ConfigError(faults)
    return texts


def _files(folder: Path, around: frozenset[Path]) -> Iterator[Path]:
    """Also behind links, which Path.rglob does not follow: a ConfigMap's folders are links into its hidden data.

    Raises:
        ConfigError: a link that leads back to a folder around it.
        OSError: a folder cannot be read.
    """
    around |= {folder.resolve()}
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            yield path
        elif path.resolve() in around:
            raise ConfigError([Fault(str(path), "is a link to a folder that holds itself", "take it out")])
        else:
            yield from _files(path, around)


def _version(texts: dict[str, str]) -> str:
    digest = sha256()
    for name, text in texts.items():
        for field in (name.encode(), text.encode()):
            digest.update(len(field).to_bytes(8))
            digest.update(field)
    return digest.hexdigest()[:16]
