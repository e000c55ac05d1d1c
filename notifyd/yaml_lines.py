"""A YAML file that knows on which line each of its values stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml

from notifyd.errors import ConfigError, Fault

Loc = tuple[str | int, ...]


class Document(msgspec.Struct):
    """`lines`: where a key (or a list's entry) stands, by its path from the top."""

    path: Path
    data: Any
    lines: dict[Loc, int]

    def where(self, loc: Loc) -> str:
        """`file:line` of the value, or of the nearest thing around it that stands in the file."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return f"{self.path}:{self.lines[loc]}" if loc else str(self.path)


def read_yaml(path: Path) -> Document:
    """Reads the file with YAML's plain types only; keys given twice are refused, not the last one taken.

    Raises:
        ConfigError: no such file, no YAML, or a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise ConfigError([Fault(str(path), f"cannot be read: {why}", "name another file or mend it")]) from None
    repeated: list[Fault] = []
    try:
        document = Document(path, yaml.safe_load(text), {})
        node = yaml.compose(text, yaml.SafeLoader)
        if node is not None:
            _walk(node, (), document, repeated)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError([Fault(f"{path}:{line}", f"no YAML: {error.problem}", "mend the syntax")]) from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError) as error:
        # ValueError: a date of the 13th month, a number of 5,000 digits. The last two: what a tag such as !!int or
        # !!timestamp was written before, and is none.
        what = " ".join(str(error).split())
        raise ConfigError([Fault(str(path), f"no YAML: {what}", "mend the syntax")]) from None
    except RecursionError:
        raise ConfigError([Fault(str(path), "has an alias that holds itself", "write it out")]) from None
    if repeated:
        raise ConfigError(repeated)
    return document


def _walk(node: yaml.Node, loc: Loc, document: Document, repeated: list[Fault]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            inner = (*loc, str(key_node.value))
            line = key_node.start_mark.line + 1
            if inner in document.lines:
                what = f"{dotted(inner)} stands here again, first on line {document.lines[inner]}"
                repeated.append(Fault(f"{document.path}:{line}", what, "keep one of them"))
            document.lines[inner] = line
            _walk(value_node, inner, document, repeated)
    elif isinstance(node, yaml.SequenceNode):
        for index, value_node in enumerate(node.value):
            document.lines[(*loc, index)] = value_node.start_mark.line + 1
            _walk(value_node, (*loc, index), document, repeated)


def dotted(loc: Loc) -> str:
    """As people write it: `sources[0].kind`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return text.removeprefix(".")
