"""JSON whose strings are templates: a value stays inside the string that it is put into."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from notifyd.core.template import Template
from notifyd.core.template_fault import Finding
from notifyd.core.unreadable import UNREADABLE


class JsonTemplate(msgspec.Struct, frozen=True):
    """`tree`: plain JSON in which a Template stands for each string that has to be rendered."""

    tree: Any

    @property
    def is_plain(self) -> bool:
        return all(template.is_plain for template in _templates(self.tree))

    def render(self, context: Mapping[str, Any]) -> bytes:
        """Raises TemplateFault."""
        return msgspec.json.encode(_rendered(self.tree, context))


def leaf_texts(name: str, text: str, findings: list[Finding]) -> dict[str, str]:
    """The strings that are templates, by `<name>#<path>`; what is no array of JSON is a finding."""
    try:
        tree = msgspec.json.decode(text)
    except UNREADABLE as error:
        findings.append(
            Finding(name, 0, f"is no JSON: {error}", "write a JSON array; templates go inside its strings")
        )
        return {}
    if not isinstance(tree, list):
        findings.append(Finding(name, 0, "is no array", "write the blocks as a JSON array"))
        return {}
    leaves: dict[str, str] = {}
    _mapped(tree, name + "#", leaves.setdefault)
    return leaves


def json_template(name: str, text: str, templates: Mapping[str, Template]) -> JsonTemplate:
    """`templates`: those of `leaf_texts`, compiled."""
    return JsonTemplate(_mapped(msgspec.json.decode(text), name + "#", lambda path, _: templates[path]))


def _mapped(node: Any, path: str, change: Callable[[str, str], object]) -> Any:
    match node:
        case str() if "{" in node:
            return change(path, node)
        case list():
            return [_mapped(one, f"{path}/{index}", change) for index, one in enumerate(node)]
        case dict():
            return {key: _mapped(one, f"{path}/{_step(key)}", change) for key, one in node.items()}
        case _:
            return node


def _step(key: str) -> str:
    """As JSON pointers have it (RFC 6901), so that no two places have one path."""
    return key.replace("~", "~0").replace("/", "~1")


def _rendered(node: Any, context: Mapping[str, Any]) -> Any:
    match node:
        case Template():
            return node.render(context)
        case list():
            return [_rendered(one, context) for one in node]
        case dict():
            return {key: _rendered(one, context) for key, one in node.items()}
        case _:
            return node


def _templates(node: Any) -> list[Template]:
    match node:
        case Template():
            return [node]
        case list():
            return [template for one in node for template in _templates(one)]
        case dict():
            return [template for one in node.values() for template in _templates(one)]
        case _:
            return []
