"""What the stores of the writing processes hold, as one dict, and how it is read from a store.

A place is the name of an entry. Its last word is a number, which tells whose it is:

    17             the row of the key 17 in the default namespace
    17 in 3        the row of the key 17 in the namespace 3
    namespace 3    there is a namespace 3
    pin 3          there is a pin 3, with what tells it from others of that name

What a row says is its value, behind its deadline where it has one: "until 1000017: ...", in hours
since 1970. A row until hour 0 expires soon: whoever looks later finds none.
"""

import time
from typing import Any

import pykv

Rows = dict[bytes, bytes]

SOON_SECONDS = 0.03
HOUR_SECONDS = 3_600
HOUR_SOON = 0
NAMESPACE = b"namespace "
PIN = b"pin "


class MixedAnswersError(Exception):
    """Two ways to read a store do not agree; the text says which."""


def writer_of(place: bytes, writer_count: int) -> int:
    """The writer that a place belongs to."""
    return int(place.split()[-1]) % writer_count


def space_of(place: bytes) -> bytes:
    """The namespace of a row, empty for the default one."""
    return place.partition(b" in ")[2]


def place_of(key: bytes, space: bytes) -> bytes:
    """The place of a row."""
    return key + b" in " + space if space else key


def is_row(place: bytes) -> bool:
    """Whether a row stands there, and not a namespace or a pin."""
    return not place.startswith((NAMESPACE, PIN))


def in_space(rows: Rows, space: bytes) -> list[bytes]:
    """The places of the rows of a namespace."""
    return [place for place in rows if is_row(place) and space_of(place) == space]


def without_pins(rows: Rows) -> Rows:
    """The rows and namespaces alone, which a copy has too."""
    return {place: said for place, said in rows.items() if not place.startswith(PIN)}


def dated(value: bytes, hour: int | None) -> bytes:
    """What a row says that has value until hour, None: for ever."""
    return value if hour is None else b"until %d: %s" % (hour, value)


def undated(said: bytes) -> tuple[bytes, int | None]:
    """The value of a row and its hour."""
    if not said.startswith(b"until "):
        return said, None
    head, _, value = said.partition(b": ")
    return value, int(head.split()[1])


def ttl_of(hour: int | None) -> float | None:
    """The time to live of a row that is put now and lives until hour."""
    if hour is None:
        return None
    return SOON_SECONDS if hour == HOUR_SOON else hour * HOUR_SECONDS - time.time()


def hour_of(expires_at: float | None) -> int | None:
    """The hour of a deadline, which was counted from a moment after the one that the writer saw."""
    return None if expires_at is None else round(expires_at / HOUR_SECONDS)


def contents(db: Any) -> Rows:
    """All of a store, read in every way, once what was to expire soon has.

    Raises MixedAnswersError.
    """
    time.sleep(SOON_SECONDS)
    found = {PIN + pin.name.encode(): said_of_pin(pin) for pin in db.history_pins()}
    for name, store in pykv.each_namespace(db):
        space = (name or "").encode()
        if space:
            found[NAMESPACE + space] = b""
        rows = dict(store.items())
        if store.get_many(list(rows)) != list(rows.values()):
            raise MixedAnswersError("items and get_many do not agree")
        # A Bitcask counts what has expired until it is merged away.
        if len(store) < len(rows) or (len(store) > len(rows) and not may_count_expired(db)):
            raise MixedAnswersError(f"there are {len(rows)} rows, but len says {len(store)}")
        for key, value in rows.items():
            found[place_of(key, space)] = dated(value, hour_of(store.expires_at(key)))
    return found


def may_count_expired(db: Any) -> bool:
    """Whether len may count rows that have expired."""
    return bool(db.stats()["engine"] == "bitcask")


def said_of_pin(pin: pykv.HistoryPin) -> bytes:
    """What is in the place of a pin; its limit is what the writer knows it by."""
    return b"%d%s" % (pin.bytes_max or 0, b" gone" if pin.gone else b"")


def followed(db: Any, since: int, rows: Rows) -> Rows:
    """The rows and namespaces that the changes of db behind since lead to from rows."""
    rows = without_pins(rows)
    names = {db.namespace(name).id: name.encode() for name in db.namespaces()}
    for change in db.changes(since, unsynced=True):
        is_there = change.namespace is None or change.namespace in names
        space = names.get(change.namespace, b"")
        match change.kind:
            case "namespace":
                rows[NAMESPACE + change.key] = b""
            case "drop_namespace":
                drop(rows, change.key)
            # What was dropped since has a number that no namespace has now.
            case "ingest" if is_there:
                follow_ingest(rows, change, db.namespace(space.decode()) if space else db, space)
            case _ if is_there:
                follow_one(rows, change, space)
    return rows


def follow_ingest(rows: Rows, change: pykv.Change, store: Any, space: bytes) -> None:
    """Does to rows what a table did to a namespace: a feed tells the range of its keys, and what
    store holds there now is what they come to."""
    assert change.value is not None
    stop = change.value + b"\0"
    delete_range(rows, space, change.key, stop)
    for key, value in store.scan(change.key, stop):
        rows[place_of(key, space)] = dated(value, hour_of(store.expires_at(key)))


def follow_one(rows: Rows, change: pykv.Change, space: bytes) -> None:
    """Does to rows what a change did to a namespace."""
    place = place_of(change.key, space)
    match change.kind:
        case "put" if change.expires_at is None or change.expires_at > time.time():
            assert change.value is not None
            rows[place] = dated(change.value, hour_of(change.expires_at))
        case "put" | "delete":
            rows.pop(place, None)
        case "clear":
            assert (change.key, change.value) == (b"", None)
            delete_range(rows, space, b"", None)
        case "delete_range":
            delete_range(rows, space, change.key, change.value)
        case _:
            raise AssertionError(f"nobody made such a change: {change}")


def delete_range(rows: Rows, space: bytes, start: bytes, stop: bytes | None) -> None:
    """Does to rows what the delete of [start, stop) does to a namespace."""
    for place in in_space(rows, space):
        key = place.split()[0]
        if start <= key and (stop is None or key < stop):
            del rows[place]


def drop(rows: Rows, space: bytes) -> None:
    """Does to rows what the drop of a namespace does to a store."""
    for place in in_space(rows, space):
        del rows[place]
    rows.pop(NAMESPACE + space, None)


def differences(found: Rows, allowed: list[Rows]) -> str:
    """How found differs from each of the states that are allowed, a few places of each kind."""
    lines = []
    for expected in allowed:
        missing = [place for place in expected if place not in found]
        extra = [place for place in found if place not in expected]
        wrong = [place for place in expected if found.get(place, b"") != expected[place]]
        wrong = [place for place in wrong if place in found]
        lines.append(f"missing {missing[:5]}, not expected {extra[:5]}, another value {wrong[:5]}")
    return "; or ".join(lines)
