"""`notifyd bench`: the benchmark of the source tree, which no package carries."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import click

from notifyd.cli.command import Command
from notifyd.cli.exit_codes import CONFIG, NO
from notifyd.errors import ConfigError, Fault

ROOT = Path(__file__).parents[2]


@click.command(
    cls=Command,
    # Every option is the benchmark's own, and its parser is the one that knows them.
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    examples=[
        "notifyd bench --source kinesis --peers none",
        "notifyd bench --workload daily --json daily.json",
        "notifyd bench --workload idle",
        "notifyd bench -- --help",
    ],
    exits={
        0: "measured; nothing lost, nothing twice",
        NO: "something was lost or came twice, or there are no figures",
        CONFIG: "no source tree lies beside this package",
    },
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def bench(ctx: click.Context, options: tuple[str, ...]) -> None:
    """Measure the daemon on this machine.

    Its own process, between stand-ins of AWS and of providers in others. The benchmark is in the source tree;
    `notifyd bench -- --help` lists its options and workloads.
    """
    ctx.exit(main_of(ROOT)(options))


def main_of(root: Path) -> Callable[[Sequence[str]], int]:
    """The benchmark's entry, by name: nothing here depends on it.

    Raises:
        ConfigError: it does not lie there.
    """
    if not (root / "bench" / "run.py").is_file():
        what = "the benchmark is in notifyd's source tree, which this package was installed without"
        raise ConfigError([Fault("notifyd bench", what, "clone the repository and run `make bench` there")])
    if str(root) not in sys.path:
        sys.path.append(str(root))
    main: Callable[[Sequence[str]], int] = import_module("bench.run").main
    return main
