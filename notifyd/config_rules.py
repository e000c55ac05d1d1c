"""What must hold between the sections of a config whose keys are each right by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from notifyd.config_faults import nearest
from notifyd.config_values import Dedupe
from notifyd.core.decode import SourceFormat
from notifyd.core.filter_criteria import compile_filter_criteria
from notifyd.core.path import PathError, compile_path
from notifyd.core.pattern import PatternError
from notifyd.core.policy import DeliveryMode
from notifyd.yaml_lines import Loc, dotted

if TYPE_CHECKING:
    from notifyd.config import Config


class Broken(msgspec.Struct):
    loc: Loc
    what: str
    mend: str


def broken_rules(config: Config, known_providers: Mapping[str, Any]) -> Iterator[Broken]:
    yield from _times(config)
    yield from _delivery(config)
    yield from _sources(config)
    yield from _providers(config, known_providers)
    yield from _repeats(("sources",), [f"{source.kind} {config.source_name(source)}" for source in config.sources])
    yield from _repeats(("identity", "keys"), [f"version {key.version!r}" for key in config.identity.keys])


def _times(config: Config) -> Iterator[Broken]:
    ledger, send_timeout_s = config.ledger, config.delivery.send_timeout_s
    # A send begun with the lease still ours must end before another may take it.
    failover_min_s = send_timeout_s + 1 + 3 * ledger.renew_interval_s
    if ledger.failover_time_s < failover_min_s:
        yield Broken(
            ("ledger", "failover_time_s"),
            f"ledger.failover_time_s is {ledger.failover_time_s:g}",
            f"make it ≥ {failover_min_s:g}: send_timeout_s + 1 + 3 × renew_interval_s",
        )
    # A gap of half of it between two scans is an interruption, after which nobody counts as dead yet: scans that
    # are all that far apart would never find who is. A scan itself takes its time, too.
    scan_interval_max_s = ledger.failover_time_s / 4
    if ledger.scan_interval_s > scan_interval_max_s:
        yield Broken(
            ("ledger", "scan_interval_s"),
            f"ledger.scan_interval_s is {ledger.scan_interval_s:g}",
            f"make it ≤ {scan_interval_max_s:g}: a quarter of failover_time_s",
        )
    # As a lease, so a retry's message: it must still be hidden when its send ends, with as much to begin it in.
    visibility_min_s = 2 * (send_timeout_s + 1)
    if config.retry.visibility_s < visibility_min_s:
        yield Broken(
            ("retry", "visibility_s"),
            f"retry.visibility_s is {config.retry.visibility_s}",
            f"make it ≥ {visibility_min_s:g}: twice send_timeout_s + 1",
        )
    if config.delivery.backoff_max_s < config.delivery.backoff_base_s:
        yield Broken(
            ("delivery", "backoff_max_s"),
            f"delivery.backoff_max_s is {config.delivery.backoff_max_s:g}",
            f"make it ≥ backoff_base_s, {config.delivery.backoff_base_s:g}",
        )


def _delivery(config: Config) -> Iterator[Broken]:
    if config.delivery.mode is not DeliveryMode.REDIRECT:
        return
    for channel in config.channels:
        if not config.delivery.redirect_to.get(channel):
            yield Broken(
                ("delivery", "mode"),
                f"delivery.mode is 'redirect', and redirect_to has no address for {channel}",
                f"set delivery.redirect_to.{channel}",
            )


def _sources(config: Config) -> Iterator[Broken]:
    for index, source in enumerate(config.sources):
        inserts_only = False
        if source.filter_criteria:
            try:
                inserts_only = compile_filter_criteria(source.filter_criteria, source.kind).inserts_only
            except PatternError as error:
                for fault in error.faults:
                    at: Loc = ("sources", index, "filter_criteria", *fault.path)
                    yield Broken(at, f"{dotted(at)} is {fault.value!r}", fault.mend)
        if source.event_id is not None:
            try:
                compile_path(source.event_id)
            except PathError as error:
                at = ("sources", index, "event_id")
                yield Broken(at, f"{dotted(at)}: {' '.join(str(error).split())}", "write a JMESPath")
        elif source.dedupe is Dedupe.ON and source.format is SourceFormat.JSON and not inserts_only:
            at = ("sources", index, "dedupe")
            what = f"{dotted(at)} is 'on', and no event of format 'json' has an id of its own"
            yield Broken(at, what, "name it in event_id, or leave dedupe out")


def _providers(config: Config, known: Mapping[str, Any]) -> Iterator[Broken]:
    for channel, section in config.channels.items():
        loc: Loc = ("channels", channel.value, "provider" if section.providers is None else "providers")
        for name in section.weights:
            what = f"{dotted(loc)} is {name!r}" if section.providers is None else f"{dotted(loc)} names {name!r}"
            if name not in known:
                yield Broken(loc, what, nearest(name, list(known)))
            elif (delivers := known[name].channel) is not channel:
                yield Broken(loc, f"{what}, which delivers {delivers}", f"name a provider of {channel}")
        if not any(section.weights.values()):
            yield Broken(loc, f"{dotted(loc)} has no weight above 0", "give one provider at least a weight")


def _repeats(loc: Loc, identities: list[str]) -> Iterator[Broken]:
    for index, identity in enumerate(identities):
        if identity in identities[:index]:
            here = (*loc, index)
            yield Broken(here, f"{dotted(here)} is {identity} again", "keep one of them")
