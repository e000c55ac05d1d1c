"""The calls that a worker can die before or after, and whose services can be cut off."""

from __future__ import annotations

# Every call that a process makes: it can die before each leaves, and after each took effect. The number: out of
# how many of them the one is drawn. Of the rare ones every worker waits for its first, from the start.
OPERATIONS = {
    "leases.scan": 12,
    "leases.beat": 4,
    "leases.take": 3,
    "leases.write": 30,
    "leases.create_stream": 1,
    "leases.create_shard": 3,
    "leases.note_listing": 1,
    "leases.remove_worker": 1,
    "log.append": 30,
    "log.claim_attempt": 3,
    "log.rows_of_event": 1,
    "retry.put": 2,
    "retry.receive": 3,
    "retry.delete": 2,
    "retry.hide": 1,
    "dead.put": 3,
    "directory.look_up": 10,
    "alerts.raise_alert": 2,
    "source.list_shards": 3,
    "source.read": 30,
    "provider.send": 30,
    "provider.refresh_limits": 1,
    "provider.look_up": 1,
}
# Around these most is in flight.
BUSIEST = ("provider.send", "log.append", "leases.write")
RARE = tuple(operation for operation, of in OPERATIONS.items() if of <= 3)
# Every point to die at: a call, and whether before it leaves.
POINTS = tuple((operation, before) for operation in OPERATIONS for before in (True, False))
SERVICES = ("leases", "log", "retry", "dead", "directory", "source", "provider")
