"""What is wrong with a template."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """`name`: the template's; `line` 0: the file as a whole. `what` names the value, `mend` says what to do."""

    name: str
    line: int
    what: str
    mend: str

    @property
    def where(self) -> str:
        return f"{self.name}:{self.line}" if self.line else self.name


class TemplateFault(Exception):
    """A mail that cannot be rendered. It is the template's or its data's fault, so trying again is no use."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.where}: {finding.what}; {finding.mend}")
        self.finding = finding
