"""The commands as an operator has them: the embedded AWS, exit codes, what is printed where."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from notifyd.aws.session import AwsSession
from notifyd.cli import cli
from notifyd.sandbox.embedded_aws import EmbeddedAws
from tests.support.shell import Ended, environ_of, notifyd_here

pytestmark = pytest.mark.aws
Notifyd = Callable[..., Ended]
Shell = Callable[..., Awaitable[Ended]]

CONFIG = """
prefix: {prefix}
sources:
  - {{kind: dynamodb}}
  - {{kind: kinesis, name: {prefix}-other}}
delivery: {{mode: dry_run}}
channels: {{email: {{provider: ses}}}}
providers: {{ses: {{sender: "Shop <shop@{prefix}.example>"}}}}
identity: {{keys: [{{version: "1", secret: env:KEY}}]}}
"""


@pytest.fixture
def config(tmp_path: Path, prefix: str) -> Path:
    path = tmp_path / "notifyd.yaml"
    path.write_text(CONFIG.format(prefix=prefix))
    return path


@pytest.fixture
def notifyd(embedded_aws: EmbeddedAws) -> Notifyd:
    """Runs a command line. The repository's own catalog and templates are the config's defaults."""

    def call(*args: object, **more: str) -> Ended:
        return notifyd_here(*args, environ=environ_of(embedded_aws) | more)

    return call


@pytest.fixture
def shell(notifyd: Notifyd) -> Shell:
    """The same, out of a test's loop."""

    async def call(*args: object) -> Ended:
        return await asyncio.to_thread(notifyd, *args)

    return call


def test_help_shows_examples_and_exit_codes(notifyd: Notifyd) -> None:
    shown = notifyd("--help")
    assert shown.exit_code == 0
    for word in ("run", "demo", "check", "init", "send", "template", "config", "Examples:", "Exit codes:", "78"):
        assert word in shown.out


def _command_lines(group: click.Group, name: str) -> Iterator[tuple[str, ...]]:
    for sub_name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), sub_name)
        line = f"{name} {sub_name}".strip()
        yield tuple(line.split())
        if isinstance(command, click.Group):
            yield from _command_lines(command, line)


@pytest.mark.parametrize("command", list(_command_lines(cli, "")), ids=" ".join)
def test_every_commands_help_has_an_example_of_it(notifyd: Notifyd, command: tuple[str, ...]) -> None:
    shown = notifyd(*command, "--help").out
    assert "notifyd " + " ".join(command) in shown.partition("Examples:")[2]


@pytest.mark.parametrize("args", [("--port-base", "70000"), ("--port-base", "-1"), ("--latency-ms", "-1")])
def test_a_sandbox_that_no_port_or_clock_could_serve_is_a_wrong_call(
    notifyd: Notifyd, args: tuple[str, ...]
) -> None:
    done = notifyd("sandbox", "--only", "nobody", *args)
    assert done.exit_code == 2
    assert f"Invalid value for '{args[0]}'" in done.err


def test_the_schema_is_json(notifyd: Notifyd) -> None:
    shown = notifyd("config", "schema")
    assert shown.exit_code == 0
    assert shown.json["properties"]["delivery"]


@pytest.mark.parametrize("command", ["run", "check", "init", "send"])
def test_a_wrong_config_is_one_line_a_fault_and_exit_78(notifyd: Notifyd, tmp_path: Path, command: str) -> None:
    config = tmp_path / "notifyd.yaml"
    config.write_text("sources: [{kind: sqs}]\nledgr: {}\n")
    done = notifyd(command, "-c", config)
    assert done.exit_code == 78
    assert done.err.splitlines() == [
        f"{config}:1: sources[0].kind is 'sqs'; it should be 'dynamodb' or 'kinesis'",
        f"{config}: identity is missing; add it",
        f"{config}: channels is missing; add it",
        f"{config}:2: unknown key 'ledgr'; write 'ledger'",
    ]


@pytest.mark.parametrize(
    ("group", "rest"),
    [
        ("leases", ("repair", "--all")),
        ("leases", ("import", "--kcl", "orders-app")),
        ("providers", ("drain", "ses")),
        ("types", ("pause", "weekly_summary")),
    ],
)
def test_the_config_that_is_named_before_a_subcommand_is_the_one_it_uses(
    notifyd: Notifyd, tmp_path: Path, group: str, rest: tuple[str, ...]
) -> None:
    for args in ((group, "-c", tmp_path / "a", *rest), (group, "-c", tmp_path / "b", *rest, "-c", tmp_path / "a")):
        done = notifyd(*args, NOTIFYD_CONFIG=str(tmp_path / "c"))
        assert done.exit_code == 78
        assert done.err.startswith(f"{tmp_path / 'a'}: cannot be read")


def test_json_that_is_asked_for_before_a_subcommand_is_what_it_prints(notifyd: Notifyd, config: Path) -> None:
    assert notifyd("init", "-c", config).exit_code == 0
    assert notifyd("leases", "--json", "-c", config, "repair", "--all").json == {"repairs": []}


def test_a_process_ends_with_the_code_of_its_command(tmp_path: Path) -> None:
    config = tmp_path / "none.yaml"
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "notifyd", "init", "-c", str(config)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (78, "")
    assert str(config) in done.stderr
    assert "Traceback" not in done.stderr


def test_run_refuses_to_start_where_nothing_was_created(notifyd: Notifyd, config: Path, prefix: str) -> None:
    done = notifyd("run", "-c", config)
    assert done.exit_code == 78
    assert f"table {prefix}-leases: does not exist; run `notifyd init`" in done.err.splitlines()
    assert done.out == ""


def test_a_key_that_can_be_guessed_is_a_fault(notifyd: Notifyd, config: Path) -> None:
    faults = notifyd("check", "-c", config, "--json", KEY="short").json["faults"]
    assert "env:KEY" in [fault["where"] for fault in faults]


def test_check_names_the_secret_of_a_provider_that_is_no_key(notifyd: Notifyd, config: Path) -> None:
    apns = "apns: {topic: com.example.shop, key: env:APNS_KEY, key_id: ABC123DEFG, team_id: DEF123GHIJ}"
    text = config.read_text().replace("providers: {", f"providers: {{{apns}, ")
    config.write_text(text.replace("channels: {", "channels: {push_ios: {provider: apns}, "))
    ended = notifyd("check", "-c", config, "--json", APNS_KEY="hush")
    assert ended.exit_code == 78
    assert "providers.apns.key" in [fault["where"] for fault in ended.json["faults"]]
    assert "hush" not in ended.out + ended.err


async def test_init_then_check_leaves_what_only_the_operator_can_mend(
    shell: Shell, config: Path, prefix: str, aws: AwsSession
) -> None:
    first, second = [(await shell("init", "-c", config, "--json")).json["made"] for _ in range(2)]
    assert all(one["created"] for one in first)
    assert not any(one["created"] for one in second)
    plain = (await shell("init", "-c", config)).out.splitlines()
    assert f"table\t{prefix}-leases\twas there" in plain

    wrong = await shell("check", "-c", config, "--json")
    assert wrong.exit_code == 78
    assert {fault["where"] for fault in wrong.json["faults"]} == {f"stream {prefix}-other", "providers.ses.sender"}

    async with aws.client("kinesis") as kinesis, aws.client("sesv2") as ses:
        await kinesis.create_stream(StreamName=f"{prefix}-other", ShardCount=1)
        await ses.create_email_identity(EmailIdentity=f"{prefix}.example")
    right = await shell("check", "-c", config)
    assert right.exit_code == 0, right.err
    assert right.out.startswith("faults: 0, ")


async def test_an_event_that_was_sent_is_in_its_source(
    shell: Shell, config: Path, prefix: str, aws: AwsSession, tmp_path: Path
) -> None:
    async with aws.client("dynamodb") as dynamodb, aws.client("kinesis") as kinesis:
        await dynamodb.create_table(
            TableName=f"{prefix}-events",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        await kinesis.create_stream(StreamName=f"{prefix}-other", ShardCount=1)

        sent = await shell(
            "send", "-c", config, "--type", "shipped", "--user", "u-1", "--detail", '{"n": 1.5}', "--json"
        )
        assert sent.exit_code == 0, sent.err
        event_id = sent.json["id"]
        key = {"id": {"S": event_id}}
        item: dict[str, Any] = (await dynamodb.get_item(TableName=f"{prefix}-events", Key=key))["Item"]
        assert item["detail-type"] == {"L": [{"S": "shipped"}]}
        assert item["detail"] == {"M": {"n": {"N": "1.5"}, "user_id": {"S": "u-1"}}}

        event = tmp_path / "event.json"
        event.write_text('{"id": "e-1", "any": ["thing"]}')
        sent = await shell("send", "-c", config, "--file", event, "--into", f"{prefix}-other")
        assert sent.exit_code == 0, sent.err
        shards = await kinesis.list_shards(StreamName=f"{prefix}-other")
        iterator = await kinesis.get_shard_iterator(
            StreamName=f"{prefix}-other",
            ShardId=shards["Shards"][0]["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )
        records = (await kinesis.get_records(ShardIterator=iterator["ShardIterator"]))["Records"]
        assert [json.loads(record["Data"]) for record in records] == [{"id": "e-1", "any": ["thing"]}]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "name the event's --type"),
        (("--type", "a", "--detail", "[1]"), "--detail is no JSON object"),
        (("--type", "a", "--into", "nowhere"), "--into 'nowhere' is no source of the config"),
    ],
)
def test_what_is_no_event_is_a_wrong_call(
    notifyd: Notifyd, config: Path, args: tuple[str, ...], says: str
) -> None:
    done = notifyd("send", "-c", config, *args)
    assert done.exit_code == 2
    assert says in done.err


@pytest.mark.parametrize("text", [b'{"id": "\xff"}', b"{", b'{"a":' * 100_000])
def test_a_file_that_cannot_be_read_as_an_event_is_a_wrong_call(
    notifyd: Notifyd, config: Path, tmp_path: Path, text: bytes
) -> None:
    (event := tmp_path / "event.json").write_bytes(text)
    done = notifyd("send", "-c", config, "--file", event)
    assert done.exit_code == 2
    assert "--file is no JSON object" in done.err


def test_a_source_that_is_not_there_takes_no_event_and_says_so(
    notifyd: Notifyd, config: Path, prefix: str
) -> None:
    done = notifyd("send", "-c", config, "--type", "a")
    assert done.exit_code == 78
    assert done.err.startswith(f"table {prefix}-events: ")


def test_a_template_is_shown_as_it_would_be_sent(notifyd: Notifyd, config: Path) -> None:
    shown = notifyd("template", "preview", "payment_received", "-c", config)
    assert shown.exit_code == 0, shown.err
    assert shown.out.startswith("Subject: ")
    message = notifyd("template", "preview", "payment_received", "-c", config, "--json").json
    html = notifyd("template", "preview", "payment_received", "-c", config, "--html").out
    assert message["html"] in html
    assert notifyd("template", "preview", "no_such", "-c", config).exit_code == 78


@pytest.mark.parametrize("text", [b'{"data": {"a": "\xff"}}', b"{", b"[1]"])
def test_a_sample_that_cannot_be_read_is_a_fault_of_the_file_that_was_given(
    notifyd: Notifyd, config: Path, tmp_path: Path, text: bytes
) -> None:
    (sample := tmp_path / "mine.json").write_bytes(text)
    done = notifyd("template", "preview", "payment_received", "-c", config, "--sample", sample)
    assert done.exit_code == 78
    assert done.err.startswith(f"{sample}: ")


def test_a_template_that_is_not_there_is_named_with_its_folder(notifyd: Notifyd, config: Path) -> None:
    done = notifyd("template", "preview", "no_such", "-c", config)
    assert done.err == "config/templates/no_such/email.subject: is missing; email needs subject and text\n"


def test_a_template_that_cannot_be_compiled_is_found_before_an_event_finds_it(
    notifyd: Notifyd, config: Path, tmp_path: Path
) -> None:
    good = notifyd("template", "lint", "-c", config)
    assert (good.exit_code, good.out) == (0, "faults: 0\n"), good.err
    folder = tmp_path / "templates" / "payment_received"
    folder.mkdir(parents=True)
    (folder / "email.subject").write_text("{{ data.amount ")
    (folder / "email.text").write_text("paid")
    bad = notifyd("template", "lint", "-c", config, "--json", NOTIFYD_TEMPLATES__FOLDER=str(folder.parent))
    assert bad.exit_code == 78
    assert f"{folder}/email.subject:1" in [fault["where"] for fault in bad.json["faults"]]
