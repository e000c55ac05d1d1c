"""What the flow needs of the outside. Adapters stand in aws/, providers/ and system.py, fakes in tests/fakes."""

from notifyd.ports.clock import Clock as Clock
from notifyd.ports.clock import Entropy as Entropy
from notifyd.ports.leases import LeaseScan as LeaseScan
from notifyd.ports.leases import LeaseTable as LeaseTable
from notifyd.ports.leases import ShardWrite as ShardWrite
from notifyd.ports.people import AddressBook as AddressBook
from notifyd.ports.people import Directory as Directory
from notifyd.ports.people import Lookup as Lookup
from notifyd.ports.records import Alerts as Alerts
from notifyd.ports.records import DeadLetters as DeadLetters
from notifyd.ports.records import DeliveryLog as DeliveryLog
from notifyd.ports.records import Received as Received
from notifyd.ports.records import RetryQueue as RetryQueue
from notifyd.ports.records import TemplateSource as TemplateSource
from notifyd.ports.sending import ControlTable as ControlTable
from notifyd.ports.sending import Limits as Limits
from notifyd.ports.sending import LookUpLimits as LookUpLimits
from notifyd.ports.sending import Provider as Provider
from notifyd.ports.sending import ProviderRoute as ProviderRoute
from notifyd.ports.sending import Tell as Tell
from notifyd.ports.sending import Told as Told
from notifyd.ports.sending import tell_nobody as tell_nobody
from notifyd.ports.sources import Page as Page
from notifyd.ports.sources import ShardInfo as ShardInfo
from notifyd.ports.sources import ShardReader as ShardReader
from notifyd.ports.sources import Source as Source
