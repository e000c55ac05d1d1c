"""Composition root: opens clients, wires the stages in order, owns the shutdown order."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from contextlib import AsyncExitStack
from importlib.metadata import version
from socket import socket

import structlog
import uvloop
from prometheus_client import CollectorRegistry

from notifyd.assembly import Assembly, template_source
from notifyd.aws.region import find_region
from notifyd.aws.secrets import fetch_secrets
from notifyd.aws.session import AwsSession
from notifyd.catalog_file import load_catalog
from notifyd.config import Config, environment
from notifyd.core.delivery_id import Identity
from notifyd.delivery_rules import delivery_rules
from notifyd.errors import ConfigError, Fault
from notifyd.flow.engine import Engine
from notifyd.flow.gauges import keep_gauges
from notifyd.flow.templates import TemplateShelf
from notifyd.flow_settings import flow_settings
from notifyd.http.admin import OwnPages, admin_app, serve_admin, serve_admin_on
from notifyd.secret_ref import secret_refs
from notifyd.system import SystemClock, SystemEntropy
from notifyd.telemetry.logs import configure_logs
from notifyd.telemetry.metrics import Metrics
from notifyd.telemetry.redaction import Redactor
from notifyd.vitals import Vitals

log = structlog.get_logger(__name__)

VERSION = version("notifyd")

# Young objects die with their batch, by reference counts: in 96,000 pushes the collector found 32. A threshold of
# 50,000 let it look four times at all that was in flight, 20 ms each; 200,000 are never in flight.
_GC_THRESHOLDS = (200_000, 20, 100)


def run(config: Config, admin_socket: socket | None = None) -> None:
    """Until SIGTERM or SIGINT, then drains. `admin_socket`: a supervisor's, which listens in place of `admin`.

    Raises:
        ConfigError: before anything was read, with every fault found.
    """
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(config, admin_socket))
    except BaseExceptionGroup as group:
        # Task groups wrap what ends them; the operator's faults are for the operator to read.
        wrong, others = group.split(ConfigError)
        if wrong is None or others is not None:
            raise
        raise ConfigError(_faults_in(wrong)) from None


def _faults_in(group: BaseExceptionGroup[ConfigError]) -> list[Fault]:
    faults: list[Fault] = []
    for error in group.exceptions:
        faults += _faults_in(error) if isinstance(error, BaseExceptionGroup) else error.faults
    return faults


async def _serve(config: Config, admin_socket: socket | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    clock, entropy = SystemClock(), SystemEntropy()
    metrics = _metrics(config)
    async with AsyncExitStack() as stack:
        session = AwsSession(
            find_region(config.aws.region, environment()),
            clock=clock,
            entropy=entropy,
            ca_file=config.aws.ca_file,
            answered=lambda service, outcome: metrics.aws_calls.add(1, service, outcome),
        )
        await stack.enter_async_context(session)
        secrets = await fetch_secrets(set(secret_refs(config)), session, environment())
        keys = [(key.version, secrets[key.secret].get_secret_value().encode()) for key in config.identity.keys]
        redactor = Redactor(keys[0][1])
        configure_logs(config.telemetry.log_level, redactor, sys.stderr)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        assembly = Assembly(
            config,
            catalog := load_catalog(config.catalog),
            session,
            secrets,
            metrics=metrics,
            clock=clock,
            entropy=entropy,
            stack=stack,
            tasks=tasks,
        )
        engine = Engine(
            await assembly.outside(),
            flow_settings(config, entropy.token()),
            catalog=catalog,
            rules=delivery_rules(config),
            identity=Identity(keys),
            templates=TemplateShelf(template_source(config, session), clock, refresh_s=config.templates.refresh_s),
            metrics=metrics,
        )
        await _run_engine(engine, config, admin_socket, stop, stack, metrics, redactor)


async def _run_engine(
    engine: Engine,
    config: Config,
    admin_socket: socket | None,
    stop: asyncio.Event,
    stack: AsyncExitStack,
    metrics: Metrics,
    redactor: Redactor,
) -> None:
    clock = engine.outside.clock
    vitals = Vitals(engine, clock, version=VERSION, scan_fresh_for_s=config.ledger.failover_time_s)
    app = admin_app(OwnPages(vitals, metrics.text, redactor.text))
    port = await stack.enter_async_context(
        serve_admin(app, config.admin.host, config.admin.port)
        if admin_socket is None
        else serve_admin_on(app, admin_socket)
    )
    log.info("started", worker=engine.heart.worker_id, version=VERSION, admin_port=port)
    gauges = asyncio.create_task(keep_gauges(engine, metrics, clock))
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    vitals.root = asyncio.create_task(engine.run(stop))
    try:
        await vitals.root
    finally:
        gauges.cancel()


def _metrics(config: Config) -> Metrics:
    return Metrics(
        CollectorRegistry(),
        version=VERSION,
        providers={channel: list(section.weights) for channel, section in config.channels.items()},
        sources=[f"{section.kind}:{config.source_name(section)}" for section in config.sources],
    )
