"""What stands in the bench's AWS: the daemon's own blueprint, so that its checks at start find what they want."""

from __future__ import annotations

from notifyd.aws.blueprint import Blueprint, blueprint
from notifyd.core.channel import Channel
from notifyd.core.filter_criteria import SourceKind
from notifyd.names import LogIndex, Names

_VISIBILITY_S = 60


def plan_of(prefix: str) -> Blueprint:
    names = Names(prefix)
    return blueprint(
        names,
        sources=[(kind, names.events) for kind in SourceKind],
        channels=[Channel.EMAIL, Channel.PUSH_IOS, Channel.SMS],
        log_indexes=[LogIndex.USER],
        visibility_s=_VISIBILITY_S,
        topic=names.alerts,
    )
