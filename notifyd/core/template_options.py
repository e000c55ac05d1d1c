"""The `options` part of SMS and push: a closed set of names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from notifyd.core.message_template import Parts
from notifyd.core.template_fault import Finding, TemplateFault

_YES = {"": False, "no": False, "yes": True}


def check_names(parts: Parts, known: Sequence[str]) -> None:
    """Raises TemplateFault for an option that nobody reads."""
    for name, template in parts.fields.get("options", ()):
        if name not in known:
            where = template.name.partition("#")[0]
            raise TemplateFault(Finding(where, 0, f"names {name!r}, no option", f"options: {', '.join(known)}"))


def is_yes(parts: Parts, options: Mapping[str, str], name: str) -> bool:
    value = options.get(name, "")
    if value not in _YES:
        parts.refuse(f"option {name} is {value!r}, neither yes nor no")
    return _YES[value]
