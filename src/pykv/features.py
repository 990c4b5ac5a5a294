"""What stores may have or lack: the names that `pykv.supports` knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pykv.arguments import near_miss
from pykv.store import Store

FEATURES: Final[Mapping[str, str]] = {
    "order": "scans run in byte order and take start, stop, prefix and reverse; first, last, "
    "floor, ceiling and delete_range work",
    "batch": "batch() and put_many(atomic=True) are all or nothing",
    "cas": "compare_and_set, put_if_absent, pop and setdefault are atomic",
    "consistent_scan": "a scan shows the moment it was made, whatever is written later",
    "snapshot": "snapshot() keeps a moment for reads at it",
    "persistence": "rows outlive the process",
    "readers": "read_only=True opens beside a writer, in this process and in others",
    "long_keys": "keys have up to 65,535 bytes",
    "changes": "changes() gives what was written, in order, from any sequence that is kept",
    "namespaces": "namespace, namespaces and drop_namespace work, and a batch goes across them",
    "checkpoint": "checkpoint() and backup() copy the rows of one moment while others write",
    "estimates": "approximate_len and approximate_size tell at once about how much there is",
    "ingest": "ingest() takes tables that pykv.TableWriter wrote",
    "ttl": "puts of every kind take ttl; touch and expires_at work",
}


def supports(store: Store, feature: str) -> bool:
    """Whether store has feature, one of FEATURES. An unknown feature is a ValueError."""
    if feature not in FEATURES:
        raise ValueError(f"there is no feature {feature!r}{near_miss(feature, FEATURES)}")
    return feature in store.features
