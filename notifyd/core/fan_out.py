"""The order in which a record's deliveries are begun where they are more than slots."""

from __future__ import annotations

from hashlib import blake2b

from notifyd.core.message import Delivery

_RANK_BYTES = 8


def rank(delivery: Delivery) -> str:
    """The same for whoever prepares the record again, whatever addresses, catalog and settings have become:
    so a shard's item can say how far its owner went with a digest of the last one begun.
    """
    meaning = f"{delivery.user_id}\0{delivery.type_name}\0{delivery.channel}"
    return blake2b(meaning.encode(), digest_size=_RANK_BYTES).hexdigest()
