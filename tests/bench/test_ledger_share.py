"""Whose CPU a sample is, told by its stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.ledger import owner_of
from bench.profile import Samples

KEEPER = "LeaseKeeper._run (notifyd/flow/leasing.py:211)"
COMMIT = "ShardRun._commit (notifyd/flow/shard.py:170)"
CALL = "AwsService.call (notifyd/wire/aws_call.py:86)"


@pytest.mark.parametrize(
    ("stack", "owner"),
    [
        ((KEEPER, COMMIT, "DynamoDbLeaseTable.write (notifyd/aws/lease_table.py:150)", CALL), "ledger"),
        ((KEEPER, COMMIT, "Beginner.begin (notifyd/flow/begin.py:27)"), "others"),
        (("LeaseKeeper.run (notifyd/flow/leasing.py:73)", "loads (json/__init__.py:346)"), "ledger"),
        (("ShardRun._read (notifyd/flow/shard.py:165)", "Decoder.decode (notifyd/core/decode.py:80)"), "others"),
        (("ShardRun._read (notifyd/flow/shard.py:165)", "Window.append (notifyd/core/window.py:80)"), "ledger"),
        (("DynamoDbDeliveryLog.append (notifyd/aws/delivery_log.py:57)", CALL), "others"),
        (("Connection.data_received (notifyd/wire/http1_connection.py:76)",), "nobody"),
        ((), "nobody"),
    ],
)
def test_a_sample_is_the_ledgers_where_its_code_is_on_the_stack(stack: tuple[str, ...], owner: str) -> None:
    assert owner_of(stack) == owner


def test_only_the_loops_thread_counts_and_only_what_it_does(tmp_path: Path) -> None:
    raw = tmp_path / "samples.txt"
    loop = "main (notifyd/cli/__init__.py:65);Runner.run (asyncio/runners.py:118)"
    raw.write_text(f"{loop};{COMMIT} 3\n{loop} 2\nThread.run (threading.py:982);_worker (thread.py:81) 90\n")
    samples = Samples()
    samples.read(raw)
    assert samples.stacks == {(COMMIT,): 3, (): 2}
