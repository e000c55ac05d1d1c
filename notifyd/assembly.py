"""Builds what the flow talks to, as the config says: the composition root's hands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import structlog
from pydantic import SecretStr

from notifyd.aws.address_book import DynamoDbAddressBook
from notifyd.aws.alerts import SnsAlerts
from notifyd.aws.control_table import DynamoDbControlTable
from notifyd.aws.dead_letter_box import SqsDeadLetterBox
from notifyd.aws.delivery_log import DynamoDbDeliveryLog
from notifyd.aws.directory import DirectoryPolicy, DynamoDbDirectory
from notifyd.aws.dynamodb_streams import DynamoDbStreamSource
from notifyd.aws.kinesis import KinesisSource
from notifyd.aws.lease_table import DynamoDbLeaseTable
from notifyd.aws.resources import queue_url, topic_arn
from notifyd.aws.retry_queue import SqsDeadLetters, SqsRetryQueue
from notifyd.aws.session import AwsSession
from notifyd.aws.template_store import S3TemplateStore
from notifyd.config import Config
from notifyd.config_sections import SourceSection
from notifyd.core.catalog import Catalog
from notifyd.core.channel import Channel
from notifyd.core.decode import Decoder, SourceFormat
from notifyd.core.filter_criteria import SourceKind, compile_filter_criteria
from notifyd.core.path import compile_path
from notifyd.core.user_items import Damage
from notifyd.errors import ConfigError, Fault
from notifyd.flow.feed_turns import FeedTimes
from notifyd.flow.setup import Outside, SourceSetup
from notifyd.lookups.of_spec import lookup_of
from notifyd.ports import Clock, Entropy, Lookup, Provider, ProviderRoute, Source, TemplateSource
from notifyd.providers import PROVIDERS, ProviderContext
from notifyd.secret_ref import SecretRef
from notifyd.telemetry.metrics import Metrics
from notifyd.template_folder import TemplateFolder
from notifyd.wire.aws_call import AwsService
from notifyd.wire.tls import client_context
from notifyd.wire.transport_aiohttp import AiohttpTransport

log = structlog.get_logger(__name__)

_LOOKUP_CONNECTIONS_MAX = 16


class Assembly:
    """Opens clients on `stack`; `tasks` carries the look-ups' shared calls."""

    def __init__(
        self,
        config: Config,
        catalog: Catalog,
        session: AwsSession,
        secrets: Mapping[SecretRef, SecretStr],
        *,
        metrics: Metrics,
        clock: Clock,
        entropy: Entropy,
        stack: AsyncExitStack,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._config = config
        self._catalog = catalog
        self._session = session
        self._secrets = secrets
        self._metrics = metrics
        self._clock = clock
        self._entropy = entropy
        self._stack = stack
        self._tasks = tasks
        self._timeout_s = config.aws.request_timeout_s
        self._sqs: AwsService | None = None

    async def outside(self) -> Outside:
        config = self._config
        return Outside(
            clock=self._clock,
            entropy=self._entropy,
            lease_table=await self.lease_table(),
            delivery_log=await self.delivery_log(),
            retry_queues=await self.retry_queues(),
            dead_letters=await self.dead_letters(),
            alerts=await self._alerts(),
            directory=await self.directory(),
            lookups=await self.lookups(),
            control=await self.control_table(),
            providers={channel: await self._routes(channel) for channel in config.channels},
            sources=[await self.source(section) for section in config.sources],
            address_book=await self.address_book() if config.directory.remove_dead_addresses else None,
        )

    async def lease_table(self) -> DynamoDbLeaseTable:
        service = await self._session.lean("dynamodb", connections_max=32)
        return DynamoDbLeaseTable(self._config.names.leases, service, timeout_s=self._timeout_s)

    async def delivery_log(self) -> DynamoDbDeliveryLog:
        return DynamoDbDeliveryLog(
            self._config.names.log,
            await self._session.lean("dynamodb"),
            clock=self._clock,
            entropy=self._entropy,
            timeout_s=self._timeout_s,
        )

    async def retry_queues(self) -> dict[Channel, SqsRetryQueue]:
        queues = await self._queues()
        async with self._session.client("sqs") as sqs:
            return {
                channel: SqsRetryQueue(
                    await _found(sqs, self._config.names.retry_queue(channel)),
                    queues,
                    clock=self._clock,
                    visibility_s=self._config.retry.visibility_s,
                    timeout_s=self._timeout_s,
                )
                for channel in self._config.channels
            }

    async def dead_letters(self) -> SqsDeadLetters:
        queues, names = await self._queues(), self._config.names
        async with self._session.client("sqs") as sqs:
            urls = {
                channel: await _found(sqs, names.dead_letter_queue(channel))
                for channel in (None, *self._config.channels)
            }
        return SqsDeadLetters(urls, queues, timeout_s=self._timeout_s)

    async def dead_letter_boxes(self) -> dict[Channel | None, SqsDeadLetterBox]:
        """For operators; the daemon only puts."""
        queues, names = await self._queues(), self._config.names
        async with self._session.client("sqs") as sqs:
            return {
                channel: SqsDeadLetterBox(
                    await _found(sqs, names.dead_letter_queue(channel)), queues, timeout_s=self._timeout_s
                )
                for channel in (*self._config.channels, None)
            }

    async def _queues(self) -> AwsService:
        """One pool for all queues."""
        if self._sqs is None:
            self._sqs = await self._session.lean("sqs")
        return self._sqs

    async def _alerts(self) -> SnsAlerts:
        name = self._config.alerts.topic or self._config.names.alerts
        sns = await self._stack.enter_async_context(self._session.client("sns"))
        arn = await topic_arn(sns, name)
        if arn is None:
            raise ConfigError([Fault(f"topic {name}", "does not exist", "run `notifyd init`")])
        return SnsAlerts(sns, arn, service_name=self._config.prefix)

    async def directory(self) -> DynamoDbDirectory:
        section, names = self._config.directory, self._config.names
        return DynamoDbDirectory(
            await self._session.lean("dynamodb"),
            contacts=names.contacts,
            settings=names.settings,
            clock=self._clock,
            entropy=self._entropy,
            tasks=self._tasks,
            damaged=_report_damages,
            asked=self._count_lookups,
            policy=DirectoryPolicy(cache_ttl_s=section.cache_ttl_s, cache_entries_max=section.cache_entries_max),
        )

    async def address_book(self) -> DynamoDbAddressBook:
        dynamodb = await self._session.lean("dynamodb", connections_max=8)
        return DynamoDbAddressBook(dynamodb, contacts=self._config.names.contacts, timeout_s=self._timeout_s)

    def _count_lookups(self, hits: int, misses: int) -> None:
        self._metrics.lookups.add_all({("hit",): hits, ("miss",): misses})

    async def lookups(self) -> dict[tuple[str, str], Lookup]:
        """Each with a transport of its own: in a shared pool one slow service makes all wait."""
        specs = [(one_type.name, spec) for one_type in self._catalog.types for spec in one_type.lookups]
        if not specs:
            return {}
        dynamodb = await self._session.lean("dynamodb")
        tls = client_context(self._config.aws.ca_file)
        lookups: dict[tuple[str, str], Lookup] = {}
        for type_name, spec in specs:
            transport = AiohttpTransport(tls, connections_max=_LOOKUP_CONNECTIONS_MAX)
            self._stack.push_async_callback(transport.close)
            lookups[type_name, spec.name] = await lookup_of(
                spec,
                dynamodb=dynamodb,
                transport=transport,
                clock=self._clock,
                entropy=self._entropy,
                tasks=self._tasks,
            )
        return lookups

    async def control_table(self) -> DynamoDbControlTable:
        service = await self._session.lean("dynamodb", connections_max=4)
        return DynamoDbControlTable(self._config.names.control, service, timeout_s=self._timeout_s)

    async def _routes(self, channel: Channel) -> list[ProviderRoute]:
        weights = self._config.channels[channel].weights
        return [
            ProviderRoute(await self._provider(name), weight, PROVIDERS[name].platform)
            for name, weight in weights.items()
        ]

    async def _provider(self, name: str) -> Provider:
        context = ProviderContext(
            clock=self._clock,
            entropy=self._entropy,
            send_timeout_s=self._config.delivery.send_timeout_s,
            open_aws=self._session.lean,
            secret=self._secrets.__getitem__,
        )
        provider = await PROVIDERS[name].build(self._config.provider(name), context)
        self._stack.push_async_callback(provider.close)
        return provider

    async def source(self, section: SourceSection) -> SourceSetup:
        name = self._config.source_name(section)
        kind = SourceKind(section.kind)
        criteria = compile_filter_criteria(section.filter_criteria, kind) if section.filter_criteria else None
        dedupes = section.dedupes(inserts_only=criteria is not None and criteria.inserts_only)
        return SourceSetup(
            source=await self._stream(section, name),
            decoder=Decoder(
                kind,
                name,
                format=SourceFormat(section.format),
                filter_criteria=criteria,
                event_id=compile_path(section.event_id) if section.event_id else None,
            ),
            starting_position=section.starting_position,
            record_age_max_s=section.record_age_max_s,
            dedupe_window_s=section.dedupe_window_s if dedupes else None,
            times=FeedTimes(
                poll_interval_s=section.poll_interval_ms / 1000, idle_poll_max_s=section.idle_poll_max_s
            ),
        )

    async def _stream(self, section: SourceSection, name: str) -> Source:
        if section.kind is SourceKind.KINESIS:
            kinesis = await self._session.lean("kinesis")
            return KinesisSource(name, kinesis, self._clock, batch_size=section.batch_size)
        streams = await self._session.lean("dynamodbstreams")
        tables = await self._session.lean("dynamodb", connections_max=4)
        return DynamoDbStreamSource(name, streams, tables, self._clock, batch_size=section.batch_size)


def template_source(config: Config, session: AwsSession) -> TemplateSource:
    s3 = config.templates.s3
    return TemplateFolder(config.templates.folder) if s3 is None else S3TemplateStore(s3, session)


async def _found(sqs: Any, name: str) -> str:
    url = await queue_url(sqs, name)
    if url is None:
        raise ConfigError([Fault(f"queue {name}", "does not exist", "run `notifyd init`")])
    return url


def _report_damages(damages: Sequence[Damage]) -> None:
    """What could be read of the items is used; who repairs them needs to know which they are."""
    for damage in damages:
        log.warning("damaged_user_item", user_id=damage.user_id, table=damage.kind, attribute=damage.attribute)
