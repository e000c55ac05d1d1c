"""What operators' commands say to what they cannot do."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifyd.sandbox.embedded_aws import EmbeddedAws
from tests.support.shell import environ_of, notifyd_here

pytestmark = pytest.mark.aws

CONFIG = """
prefix: {prefix}
sources: [{{kind: kinesis}}]
channels: {{email: {{provider: ses}}}}
providers: {{ses: {{sender: "Shop <shop@{prefix}.example>"}}}}
identity: {{keys: [{{version: "1", secret: env:KEY}}]}}
"""


@pytest.mark.parametrize(
    ("args", "exit_code", "says"),
    [
        (("leases",), 78, "run `notifyd init`, or correct the name"),
        (("leases", "repair"), 2, "name the shards, or say --all"),
        (("leases", "repair", "--all"), 78, "run `notifyd init`, or correct the name"),
        (("leases", "import", "--kcl", "nowhere", "--source", "other"), 2, "--source 'other' is no source"),
        (("audit",), 78, "run `notifyd init`, or correct the name"),
        (("audit", "--from", "30d"), 2, "is older than the log's rows, which live for 14 days"),
        (("audit", "--from", "5m", "--to", "10m"), 2, "is not after --from"),
        (("audit", "--from", "2026-01-31T00:00:00"), 2, "is no time; write 2026-01-31T00:00:00Z"),
        (("audit", "--from", "999999999999d"), 2, "'999999999999d' is not within the years 1970 to 9999"),
        (("audit", "--to", "9999-12-31T23:59:59-01:00"), 2, "is not within the years 1970 to 9999"),
        (("replay", "--from", "0001-01-01T00:00:00+23:00"), 2, "is not within the years 1970 to 9999"),
        (("replay", "--from", "1" * 5_000), 2, "is no time; write 2026-01-31T00:00:00Z"),
        (("replay",), 2, "Missing option '--from'"),
        (("replay", "--from", "1h", "--type", "nothing"), 2, "--type 'nothing' is not in the catalog; it has"),
        (("reconcile", "--from", "1h"), 2, "the config has no table as a source"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_with_its_exit_code(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str, args: tuple[str, ...], exit_code: int, says: str
) -> None:
    config = tmp_path / "notifyd.yaml"
    config.write_text(CONFIG.format(prefix=prefix))
    done = notifyd_here(*args, "-c", config, environ=environ_of(embedded_aws))
    assert (done.exit_code, done.out) == (exit_code, ""), done.err
    assert says in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", ["check", "init", "leases"])
@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"AWS_REGION": "us east"}, "aws.region: is 'us east'; write one such as eu-central-1"),
        ({"AWS_ENDPOINT_URL": "localhost:4566"}, "AWS configuration: Invalid endpoint: localhost:4566; write "),
        (
            {"AWS_CA_BUNDLE": "/nowhere"},
            "AWS configuration: the authorities of '/nowhere' cannot be read: No",
        ),
        ({"NOTIFYD_AWS__CA_FILE": "/nowhere"}, "NOTIFYD_AWS__CA_FILE: aws.ca_file is '/nowhere': No such file"),
        ({"NOTIFYD_AWS__CA_FILE": __file__}, "no certificate or crl found"),
        ({"NOTIFYD_PROVIDERS__SES__CA_FILE": "/nowhere"}, "providers.ses.ca_file is '/nowhere': No such file"),
    ],
)
def test_what_leads_to_no_aws_is_said_in_a_line(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str, command: str, environ: dict[str, str], says: str
) -> None:
    config = tmp_path / "notifyd.yaml"
    config.write_text(CONFIG.format(prefix=prefix))
    done = notifyd_here(command, "-c", config, environ=environ_of(embedded_aws) | environ)
    assert done.exit_code == 78
    assert says in done.err


@pytest.mark.parametrize(
    ("command", "templates"),
    [
        ("run", ""),
        ("run", "templates: {s3: s3://bucket/prefix}"),
        ("check", ""),
        ("check", "templates: {s3: s3://bucket/prefix}"),
        ("template lint", "templates: {s3: s3://bucket/prefix}"),
        ("init", ""),
        ("send --type order_shipped", ""),
        ("dlq list", ""),
        ("dlq redrive", ""),
        ("replay --from 1h", ""),
        ("audit", ""),
    ],
)
def test_an_aws_that_cannot_be_reached_is_said_in_a_line_and_is_no_wrong_config(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str, command: str, templates: str
) -> None:
    config = tmp_path / "notifyd.yaml"
    config.write_text(CONFIG.format(prefix=prefix) + templates)
    environ = environ_of(embedded_aws) | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    done = notifyd_here(*command.split(), "-c", config, environ=environ)
    assert done.exit_code == 70, done.err
    assert "127.0.0.1:1" in done.err
    assert "look at credentials, region" in done.err
    assert "Traceback" not in done.err


def test_what_is_wrong_counts_more_than_what_could_not_be_asked(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str
) -> None:
    config = tmp_path / "notifyd.yaml"
    config.write_text(CONFIG.format(prefix=prefix) + "templates: {folder: /nowhere}")
    environ = environ_of(embedded_aws) | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    done = notifyd_here("check", "--json", "-c", config, environ=environ)
    assert done.exit_code == 78
    assert [fault.get("is_outage", False) for fault in done.json["faults"]].count(True) == 2


def test_secrets_that_cannot_be_asked_for_are_a_fault_of_the_check(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str
) -> None:
    config = tmp_path / "notifyd.yaml"
    config.write_text(CONFIG.format(prefix=prefix).replace("env:KEY", "ssm:/key"))
    environ = environ_of(embedded_aws) | {"AWS_ENDPOINT_URL_SSM": "http://127.0.0.1:1"}
    done = notifyd_here("check", "-c", config, environ=environ)
    assert done.exit_code == 78
    assert "ssm:/key: cannot be read now: Could not connect to the endpoint URL" in done.err
