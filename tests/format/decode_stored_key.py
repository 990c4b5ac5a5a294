"""A reference decoder of stored keys, and of the rows that name namespaces, written from
docs/format/table.md alone.

It shares no code with the C core. Everything here is pure and thread-safe.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.format.decode_table import check

MARK = 0xFF
ESCAPED, KEYS, NAMES = 0, 1, 2
ID_BYTES = 4
#: The id of the default namespace, which no row names.
DEFAULT = 0

Runs = list[tuple[str, int]]


@dataclass(frozen=True)
class StoredKey:
    """A key and the id of its namespace; id None: the key is the name in the row of a namespace,
    or empty in that of the highest id.
    """

    id: int | None
    key: bytes
    layout: Runs


def decode_stored_key(data: bytes) -> StoredKey:
    """Splits a stored key. DamageError for one that begins with FF and has no such prefix."""
    if not data or data[0] != MARK:
        return StoredKey(DEFAULT, data, [("key", len(data))])
    check(len(data) >= 2 and data[1] <= NAMES, "a prefix that there is not")
    prefix: Runs = [("mark", 1), ("prefix", 1)]
    if data[1] == ESCAPED:
        check(data[2:3] == bytes([MARK]), "a prefix that is not needed")
        return StoredKey(DEFAULT, data[2:], [*prefix, ("key", len(data) - 2)])
    if data[1] == NAMES:
        return StoredKey(None, data[2:], [*prefix, ("name", len(data) - 2)])
    key = data[2 + ID_BYTES :]
    number = int.from_bytes(data[2 : 2 + ID_BYTES], "big")
    check(len(data) >= 2 + ID_BYTES and number > 0, "the id of a namespace")
    return StoredKey(number, key, [*prefix, ("id", ID_BYTES), ("key", len(key))])


def decode_namespace_row(key: bytes, value: bytes) -> tuple[bytes, int]:
    """The name and the id that the row of a namespace has; the name is empty in that of the
    highest id that was ever given.
    """
    stored = decode_stored_key(key)
    number = int.from_bytes(value, "little")
    check(stored.id is None and len(value) == ID_BYTES and number > 0, "the row of a namespace")
    return stored.key, number
