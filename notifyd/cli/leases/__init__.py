"""`notifyd leases …`."""

from notifyd.cli.leases.listing import leases

__all__ = ["leases"]
