"""`notifyd config …`."""

from __future__ import annotations

import click

from notifyd.cli.command import Command, Group


@click.group(cls=Group, examples=["notifyd config schema > notifyd.schema.json"])
def config() -> None:
    """About config/notifyd.yaml."""


@config.command(
    cls=Command,
    examples=[
        "notifyd config schema > notifyd.schema.json",
        """notifyd config schema | jq '."$defs".DeliverySection.properties'""",
    ],
)
def schema() -> None:
    """Print the config's JSON Schema: each key, its default and what it means."""
    import json

    from notifyd.config import Config

    click.echo(json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False))
