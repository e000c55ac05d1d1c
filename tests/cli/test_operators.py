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
