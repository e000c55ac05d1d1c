"""What commands need before they begin: the config, and AWS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifyd.cli.command import inherit

if TYPE_CHECKING:
    from notifyd.aws.blueprint import Blueprint
    from notifyd.aws.session import AwsSession
    from notifyd.config import Config

config_option = click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("config/notifyd.yaml"),
    envvar="NOTIFYD_CONFIG",
    show_default=True,
    show_envvar=True,
    callback=inherit,
    help="The config file.",
)


def read_config(path: Path) -> Config:
    """Raises ConfigError with every fault."""
    from notifyd.config import environment, load_config

    return load_config(path, environment())


def open_session(config: Config) -> AwsSession:
    """Inside the running loop. Raises ConfigError where no region is set."""
    from notifyd.aws.region import find_region
    from notifyd.aws.session import AwsSession
    from notifyd.config import environment
    from notifyd.system import SystemClock, SystemEntropy

    region = find_region(config.aws.region, environment())
    return AwsSession(region, clock=SystemClock(), entropy=SystemEntropy(), ca_file=config.aws.ca_file)


def blueprint_of(config: Config) -> Blueprint:
    """What this config keeps in AWS."""
    from notifyd.aws.blueprint import blueprint

    return blueprint(
        config.names,
        sources=[(source.kind, config.source_name(source)) for source in config.sources],
        channels=list(config.channels),
        log_indexes=config.log.indexes,
        visibility_s=config.retry.visibility_s,
        topic=config.alerts.topic or config.names.alerts,
    )
