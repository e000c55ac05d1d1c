from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from select import POLLIN, poll
from urllib.request import urlopen

import pytest
from blockbuster import BlockingError

from notifyd.sandbox.embedded_aws import EmbeddedAws, run_embedded_aws


@pytest.mark.aws
def test_it_answers_on_loopback_only(embedded_aws: EmbeddedAws) -> None:
    assert embedded_aws.url.startswith("http://127.0.0.1:")
    with urlopen(f"{embedded_aws.url}/_ministack/health", timeout=5) as answer:  # noqa: S310 - loopback
        assert answer.status == 200


@pytest.mark.aws
def test_its_process_is_gone_after_the_context() -> None:
    with run_embedded_aws() as aws:
        pid = aws.pid
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.aws
def test_ctrl_c_on_the_terminal_does_not_reach_it(embedded_aws: EmbeddedAws) -> None:
    """A terminal signals its foreground process group: the parent still needs its AWS to end in order."""
    assert os.getpgid(embedded_aws.pid) != os.getpgid(os.getpid())


@pytest.mark.aws
def test_a_killed_parent_takes_it_along(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import sys
        from notifyd.sandbox.embedded_aws import run_embedded_aws
        with run_embedded_aws() as aws:
            print(aws.pid, flush=True)
            sys.stdin.read()
    """)
    parent = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"TMPDIR": str(tmp_path)},
    )
    with parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    try:
        ended = poll()
        ended.register(child, POLLIN)
        assert ended.poll(10_000), "the child outlived its parent by 10 s"
    finally:
        os.close(child)


async def test_started_inside_a_running_loop_it_fails_the_test_for_it_blocks() -> None:
    with pytest.raises(BlockingError), run_embedded_aws():
        pass
