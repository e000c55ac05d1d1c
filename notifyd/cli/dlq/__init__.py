"""`notifyd dlq …`: one file a command."""

from notifyd.cli.dlq.drop import drop as drop
from notifyd.cli.dlq.listing import dlq as dlq
from notifyd.cli.dlq.redrive import redrive as redrive
from notifyd.cli.dlq.show import show as show
