"""`notifyd leases …`."""

from notifyd.cli.leases.kcl import import_kcl
from notifyd.cli.leases.listing import leases
from notifyd.cli.leases.repair import repair

__all__ = ["import_kcl", "leases", "repair"]
