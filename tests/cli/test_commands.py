"""The commands as an operator has them: their own process, the embedded AWS, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notifyd.aws.session import AwsSession
from notifyd.sandbox.embedded_aws import EmbeddedAws

pytestmark = pytest.mark.aws
Notifyd = Callable[..., "subprocess.CompletedProcess[str]"]

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
    environ = {
        "PATH": "/usr/bin:/bin",
        "AWS_ENDPOINT_URL": embedded_aws.url,
        "AWS_REGION": embedded_aws.region,
        "AWS_ACCESS_KEY_ID": embedded_aws.access_key,
        "AWS_SECRET_ACCESS_KEY": embedded_aws.secret_key,
        "KEY": "a key that is long enough",
    }

    def call(*args: object, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "notifyd", *map(str, args)]
        return subprocess.run(  # noqa: S603 - our own program
            command, env=environ | more, capture_output=True, text=True, timeout=50, check=False
        )

    return call


def test_help_shows_examples_and_exit_codes(notifyd: Notifyd) -> None:
    shown = notifyd("--help")
    assert shown.returncode == 0
    for word in ("run", "demo", "check", "init", "send", "template", "config", "Examples:", "Exit codes:", "78"):
        assert word in shown.stdout


def test_the_schema_is_json(notifyd: Notifyd) -> None:
    shown = notifyd("config", "schema")
    assert shown.returncode == 0
    assert json.loads(shown.stdout)["properties"]["delivery"]


@pytest.mark.parametrize("command", ["run", "check", "init", "send"])
def test_a_wrong_config_is_one_line_a_fault_and_exit_78(notifyd: Notifyd, tmp_path: Path, command: str) -> None:
    config = tmp_path / "notifyd.yaml"
    config.write_text("sources: [{kind: sqs}]\nledgr: {}\n")
    done = notifyd(command, "-c", config)
    assert done.returncode == 78
    assert done.stderr.splitlines() == [
        f"{config}:1: sources[0].kind is 'sqs'; it should be 'dynamodb' or 'kinesis'",
        f"{config}: identity is missing; add it",
        f"{config}: channels is missing; add it",
        f"{config}:2: unknown key 'ledgr'; write 'ledger'",
    ]


def test_run_refuses_to_start_where_nothing_was_created(notifyd: Notifyd, config: Path, prefix: str) -> None:
    done = notifyd("run", "-c", config)
    assert done.returncode == 78
    assert f"table {prefix}-leases: does not exist; run `notifyd init`" in done.stderr.splitlines()
    assert done.stdout == ""


def test_a_key_that_can_be_guessed_is_a_fault(notifyd: Notifyd, config: Path) -> None:
    faults = json.loads(notifyd("check", "-c", config, "--json", KEY="short").stdout)["faults"]
    assert "env:KEY" in [fault["where"] for fault in faults]


def test_check_names_the_secret_of_a_provider_that_is_no_key(notifyd: Notifyd, config: Path) -> None:
    apns = "apns: {topic: com.example.shop, key: env:APNS_KEY, key_id: ABC123DEFG, team_id: DEF123GHIJ}"
    text = config.read_text().replace("providers: {", f"providers: {{{apns}, ")
    config.write_text(text.replace("channels: {", "channels: {push_ios: {provider: apns}, "))
    ended = notifyd("check", "-c", config, "--json", APNS_KEY="hush")
    assert ended.returncode == 78
    assert "providers.apns.key" in [fault["where"] for fault in json.loads(ended.stdout)["faults"]]
    assert "hush" not in ended.stdout + ended.stderr


async def test_init_then_check_leaves_what_only_the_operator_can_mend(
    notifyd: Notifyd, config: Path, prefix: str, aws: AwsSession
) -> None:
    first, second = (json.loads(notifyd("init", "-c", config, "--json").stdout)["made"] for _ in range(2))
    assert all(one["created"] for one in first)
    assert not any(one["created"] for one in second)
    plain = notifyd("init", "-c", config).stdout.splitlines()
    assert f"table\t{prefix}-leases\twas there" in plain

    wrong = notifyd("check", "-c", config, "--json")
    assert wrong.returncode == 78
    assert {fault["where"] for fault in json.loads(wrong.stdout)["faults"]} == {f"stream {prefix}-other", "SES"}

    async with aws.client("kinesis") as kinesis, aws.client("sesv2") as ses:
        await kinesis.create_stream(StreamName=f"{prefix}-other", ShardCount=1)
        await ses.create_email_identity(EmailIdentity=f"{prefix}.example")
    right = notifyd("check", "-c", config)
    assert right.returncode == 0, right.stderr
    assert right.stdout.startswith("faults: 0, ")


async def test_an_event_that_was_sent_is_in_its_source(
    notifyd: Notifyd, config: Path, prefix: str, aws: AwsSession, tmp_path: Path
) -> None:
    async with aws.client("dynamodb") as dynamodb, aws.client("kinesis") as kinesis:
        await dynamodb.create_table(
            TableName=f"{prefix}-events",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        await kinesis.create_stream(StreamName=f"{prefix}-other", ShardCount=1)

        sent = notifyd(
            "send", "-c", config, "--type", "shipped", "--user", "u-1", "--detail", '{"n": 1.5}', "--json"
        )
        assert sent.returncode == 0, sent.stderr
        event_id = json.loads(sent.stdout)["id"]
        key = {"id": {"S": event_id}}
        item: dict[str, Any] = (await dynamodb.get_item(TableName=f"{prefix}-events", Key=key))["Item"]
        assert item["detail-type"] == {"L": [{"S": "shipped"}]}
        assert item["detail"] == {"M": {"n": {"N": "1.5"}, "user_id": {"S": "u-1"}}}

        event = tmp_path / "event.json"
        event.write_text('{"id": "e-1", "any": ["thing"]}')
        sent = notifyd("send", "-c", config, "--file", event, "--into", f"{prefix}-other")
        assert sent.returncode == 0, sent.stderr
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
    assert done.returncode == 2
    assert says in done.stderr


def test_a_source_that_is_not_there_takes_no_event_and_says_so(
    notifyd: Notifyd, config: Path, prefix: str
) -> None:
    done = notifyd("send", "-c", config, "--type", "a")
    assert done.returncode == 78
    assert done.stderr.startswith(f"table {prefix}-events: ")


def test_a_template_is_shown_as_it_would_be_sent(notifyd: Notifyd, config: Path) -> None:
    shown = notifyd("template", "preview", "payment_received", "-c", config)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("Subject: ")
    message = json.loads(notifyd("template", "preview", "payment_received", "-c", config, "--json").stdout)
    html = notifyd("template", "preview", "payment_received", "-c", config, "--html").stdout
    assert message["html"] in html
    assert notifyd("template", "preview", "no_such", "-c", config).returncode == 78


def test_a_template_that_cannot_be_compiled_is_found_before_an_event_finds_it(
    notifyd: Notifyd, config: Path, tmp_path: Path
) -> None:
    good = notifyd("template", "lint", "-c", config)
    assert (good.returncode, good.stdout) == (0, "faults: 0\n"), good.stderr
    folder = tmp_path / "templates" / "payment_received"
    folder.mkdir(parents=True)
    (folder / "email.subject").write_text("{{ data.amount ")
    (folder / "email.text").write_text("paid")
    bad = notifyd("template", "lint", "-c", config, "--json", NOTIFYD_TEMPLATES__FOLDER=str(folder.parent))
    assert bad.returncode == 78
    assert f"{folder}/email.subject:1" in [fault["where"] for fault in json.loads(bad.stdout)["faults"]]
