"""A command whose help ends with examples and with what its exit codes say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
from click.core import ParameterSource


class Command(click.Command):
    """`examples`: command lines that work as they stand. `exits`: exit code → what it says."""

    def __init__(
        self, *args: Any, examples: Sequence[str] = (), exits: Mapping[int, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._examples = examples
        self._exits = exits or {}

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        write_examples(formatter, self._examples)
        write_exits(formatter, self._exits)


class Group(Command, click.Group):
    """Commands under one name."""


def inherit(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """An option's callback: what its group was given counts, unless the command itself was given something."""
    group, name = ctx.parent, param.name or ""
    given = ParameterSource.COMMANDLINE
    if group is None or ctx.get_parameter_source(name) is given or group.get_parameter_source(name) is not given:
        return value
    return group.params[name]


def write_examples(formatter: click.HelpFormatter, examples: Sequence[str]) -> None:
    if examples:
        with formatter.section("Examples"):
            for example in examples:
                formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


def write_exits(formatter: click.HelpFormatter, exits: Mapping[int, str]) -> None:
    if exits:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in exits.items()])
