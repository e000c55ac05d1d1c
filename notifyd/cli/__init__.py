"""The command line. A command's module is imported when the command is; adding one is one line here."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from notifyd.cli.command import write_examples, write_exits
from notifyd.cli.exit_codes import CONFIG, INTERNAL, NO, exit_code
from notifyd.cli.output import echo_faults
from notifyd.errors import ConfigError

_COMMANDS = {
    "run": "notifyd.cli.run:run",
    "demo": "notifyd.cli.demo:demo",
    "sandbox": "notifyd.cli.sandbox:sandbox",
    "bench": "notifyd.cli.bench:bench",
    "check": "notifyd.cli.check:check",
    "init": "notifyd.cli.init:init",
    "send": "notifyd.cli.send:send",
    "leases": "notifyd.cli.leases:leases",
    "audit": "notifyd.cli.audit:audit",
    "replay": "notifyd.cli.replay:replay",
    "reconcile": "notifyd.cli.reconcile:reconcile",
    "dlq": "notifyd.cli.dlq:dlq",
    "providers": "notifyd.cli.providers:providers",
    "types": "notifyd.cli.types:types",
    "template": "notifyd.cli.template:template",
    "config": "notifyd.cli.config:config",
}


_EXITS = {
    0: "done (run: drained)",
    NO: "done, and the answer is no",
    2: "the command was called wrongly",
    INTERNAL: "a fault of the program's own, or AWS is away",
    CONFIG: "the config, or what it names, is wrong: one line a fault on stderr",
}


class _LateGroup(click.Group):
    """Knows its commands by name and imports them when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        write_examples(formatter, ["notifyd init", "notifyd check", "notifyd run"])
        write_exits(formatter, _EXITS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> None:
        if ctx.obj is not None:  # what `main` sets up, of a process that is all the command's
            ctx.obj()
        try:
            super().invoke(ctx)
        except ConfigError as error:
            echo_faults(error.faults)
            ctx.exit(exit_code(error.faults))


@click.group(cls=_LateGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="notifyd")
def cli() -> None:
    """Turns changes in a table or stream into notifications, each accounted for."""


def main() -> None:
    """The whole process's: logging is set up here, and late, since `--help` needs none."""
    try:
        cli(obj=_log_to_stderr)
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - an exit code and a trace, not a guess
        from notifyd.telemetry.logs import last_words

        last_words(error)
        sys.exit(INTERNAL)


def _log_to_stderr() -> None:
    """What a command notices is none of its answer. The daemon sets up a log of its own, with its own key."""
    from notifyd.system import SystemEntropy
    from notifyd.telemetry.logs import configure_logs
    from notifyd.telemetry.redaction import Redactor

    configure_logs("warning", Redactor(SystemEntropy().token().encode()), sys.stderr)
