"""`python -m notifyd`."""

from __future__ import annotations

from notifyd.cli import main

main()
