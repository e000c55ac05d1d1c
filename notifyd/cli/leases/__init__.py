"""`notifyd leases …`."""

from notifyd.cli.leases.listing import leases
from notifyd.cli.leases.repair import repair

__all__ = ["leases", "repair"]
