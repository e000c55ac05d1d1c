"""A task that is no longer wanted has to be gone before what it used is given back."""

from __future__ import annotations

import asyncio
from typing import Any


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancels them and waits until they have ended, whatever they end with."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
