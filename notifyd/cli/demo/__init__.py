"""`notifyd demo`: an AWS, a world and a judge around the real daemon, all on this machine."""

from __future__ import annotations

from notifyd.cli.demo.command import demo as demo
