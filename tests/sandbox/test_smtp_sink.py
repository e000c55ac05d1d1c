"""The stand-in for a mail relay as a process."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from notifyd.core.outcome import Accepted
from tests.support.deliveries import delivery
from tests.support.provider_rigs import smtp_provider


async def test_a_kill_after_an_answer_loses_no_line_of_the_journal(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    command = ("-m", "notifyd.sandbox.guarded", "notifyd.sandbox.smtp_sink", "--journal", str(journal))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    url = json.loads(await process.stdout.readline())["url"]
    sent = delivery()
    async with smtp_provider(url) as provider:
        [outcome] = await provider.send([sent])
        process.kill()
    await process.wait()
    assert isinstance(outcome, Accepted)
    assert [json.loads(line)["delivery_id"] for line in journal.read_text().splitlines()] == [sent.delivery_id]
