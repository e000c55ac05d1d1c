"""`notifyd send`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from notifyd.cli.command import Command
from notifyd.cli.exit_codes import CONFIG, INTERNAL
from notifyd.cli.output import echo_json, json_option
from notifyd.cli.setup import config_option, open_session, read_config

if TYPE_CHECKING:
    from notifyd.config import Config
    from notifyd.config_sections import SourceSection


@click.command(
    cls=Command,
    examples=[
        """notifyd send --type order_shipped --user u-1 --detail '{"order": 17}'""",
        "notifyd send --file event.json --into orders",
    ],
    exits={
        0: "AWS took it",
        2: "that is no event",
        INTERNAL: "AWS is away and may have taken it, or a fault of the program's own",
        CONFIG: "the config is wrong, or AWS refused",
    },
)
@config_option
@click.option("--type", "types", multiple=True, metavar="DETAIL_TYPE", help="The event's detail-type; may repeat.")
@click.option("--source", "event_source", default="notifyd.send", show_default=True, help="The event's source.")
@click.option("--user", metavar="USER_ID", help="Becomes detail.user_id.")
@click.option("--detail", default="{}", metavar="JSON", help="The event's detail, an object.")
@click.option("--id", "event_id", help="The event's id; a new one where it is left out.")
@click.option("--file", "file", type=click.File("rb"), help="A whole event or item as JSON; - is stdin.")
@click.option("--into", metavar="NAME", help="The table or stream; unless given, the config's first source.")
@json_option
def send(
    config_path: Path,
    types: tuple[str, ...],
    event_source: str,
    user: str | None,
    detail: str,
    event_id: str | None,
    file: Any,
    into: str | None,
    as_json: bool,
) -> None:
    """Put one event into the source, as a producer would."""
    config = read_config(config_path)
    source = _source(config, into)
    if file is not None:
        event = _object(file.read(), "--file")
    elif not types:
        raise click.UsageError("name the event's --type, or give a whole one with --file")
    else:
        inner = _object(detail.encode(), "--detail")
        event = _envelope(types, event_source, inner | ({"user_id": user} if user else {}))
    if event_id:
        event["id"] = event_id
    put = asyncio.run(_put(config, source, event))
    if as_json:
        echo_json(put)
    else:
        click.echo(f"{event.get('id', 'the event')} is in {put['kind']} {put['name']}")


def _source(config: Config, name: str | None) -> SourceSection:
    names = [config.source_name(source) for source in config.sources]
    if name is None:
        return config.sources[0]
    if name not in names:
        raise click.UsageError(f"--into {name!r} is no source of the config; it has {', '.join(names)}")
    return config.sources[names.index(name)]


def _object(text: bytes, option: str) -> dict[str, Any]:
    import msgspec

    from notifyd.core.unreadable import UNREADABLE

    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except UNREADABLE as error:
        raise click.UsageError(f"{option} is no JSON object: {error}") from None


def _envelope(types: tuple[str, ...], source: str, detail: dict[str, Any]) -> dict[str, Any]:
    from notifyd.system import SystemClock, SystemEntropy

    now = datetime.fromtimestamp(SystemClock().now_s(), UTC)
    return {
        "id": SystemEntropy().token(),
        "source": source,
        "detail-type": list(types),
        "resources": [],
        "detail": detail,
        "time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


async def _put(config: Config, source: SourceSection, event: dict[str, Any]) -> dict[str, str]:
    import msgspec
    from botocore.exceptions import BotoCoreError, ClientError

    from notifyd.aws.outage import is_outage
    from notifyd.core.dynamodb_json import typed_item
    from notifyd.core.filter_criteria import SourceKind
    from notifyd.errors import ConfigError, Fault

    name = config.source_name(source)
    put = {"kind": "table" if source.kind is SourceKind.DYNAMODB else "stream", "name": name}
    try:
        # Not repeated: a producer that repeats writes its event twice where the first answer was lost.
        async with open_session(config) as session:
            if source.kind is SourceKind.DYNAMODB:
                async with session.client("dynamodb", attempts_max=1) as dynamodb:
                    await dynamodb.put_item(TableName=name, Item=typed_item(event))
            else:
                async with session.client("kinesis", attempts_max=1) as kinesis:
                    data = msgspec.json.encode(event)
                    key = str(event.get("id") or "notifyd.send")
                    answer = await kinesis.put_record(StreamName=name, PartitionKey=key, Data=data)
                    put |= {"shard": answer["ShardId"], "sequence": answer["SequenceNumber"]}
    except (ClientError, BotoCoreError) as error:
        mend = "look at credentials, region and what this role may do; see `notifyd check`"
        raise ConfigError([Fault(f"{put['kind']} {name}", str(error), mend, is_outage=is_outage(error))]) from None
    return put | {"id": str(event.get("id", ""))}
