"""What a golden database holds, as text: one fact a line, bytes percent-encoded.

    last_seq 84
    history_floor 1
    namespace users
    pin search 1
    row users ada 0 1
    change 7 put - key%20007 7

A row has namespace, key, deadline (microseconds, 0: none) and value; a change sequence, kind,
number of the namespace, key and value. A dash stands for the default namespace, and for none;
two quotes for no bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

import pykv

Change = tuple[int, str, int | None, bytes, bytes | None]
NONE = "-"
EMPTY = "''"


@dataclass
class Golden:
    """The rows by namespace and key, each a deadline and a value, and what goes with them."""

    last_seq: int = 0
    history_floor: int = 0
    pins: dict[str, int] = field(default_factory=dict)
    rows: dict[str | None, dict[bytes, tuple[int, bytes]]] = field(
        default_factory=lambda: {None: {}}
    )
    changes: list[Change] = field(default_factory=list)


def of_store(db: Any, *, feed: bool = True) -> Golden:
    """What an open store says of itself; feed: its changes too, which a reader does not have."""
    found = Golden(db.last_seq)
    found.pins = {pin.name: pin.since for pin in db.history_pins()}
    found.rows |= {name: {} for name in db.namespaces()}
    for row in pykv.export_rows(db):
        found.rows[row.namespace][row.key] = row.deadline_us, row.value
    if feed:
        found.history_floor = db.stats()["history_floor"]
        found.changes = [
            (each.seq, each.kind, each.namespace, each.key, each.value)
            for each in db.changes(unsynced=True)
        ]
    return found


def encode(golden: Golden) -> str:
    """The text."""
    lines: list[tuple[object, ...]] = [
        ("last_seq", golden.last_seq),
        ("history_floor", golden.history_floor),
        *(("namespace", name) for name in golden.rows if name is not None),
        *(("pin", name, since) for name, since in golden.pins.items()),
    ]
    for name, rows in golden.rows.items():
        for key, (deadline, value) in sorted(rows.items()):
            lines.append(("row", name or NONE, _text(key), deadline, _text(value)))
    for sequence, kind, namespace, key, written in golden.changes:
        number = NONE if namespace is None else namespace
        lines.append(("change", sequence, kind, number, _text(key), _text(written)))
    return "".join(" ".join(map(str, line)) + "\n" for line in lines)


def decode(path: Path) -> Golden:
    """What the text at path says."""
    found = Golden()
    for line in path.read_text("ascii").splitlines():
        what, *rest = line.split(" ")
        if what == "row":
            name, key, deadline, value = rest
            rows = found.rows[None if name == NONE else name]
            rows[_bytes(key)] = int(deadline), _bytes(value)
        elif what == "change":
            found.changes.append(_change(*rest))
        elif what == "namespace":
            found.rows[rest[0]] = {}
        elif what == "pin":
            found.pins[rest[0]] = int(rest[1])
        else:
            assert what in ("last_seq", "history_floor"), line
            setattr(found, what, int(rest[0]))
    return found


def _change(sequence: str, kind: str, namespace: str, key: str, value: str) -> Change:
    number = None if namespace == NONE else int(namespace)
    written = None if value == NONE else _bytes(value)
    return int(sequence), kind, number, _bytes(key), written


def _text(data: bytes | None) -> str:
    if not data:
        return NONE if data is None else EMPTY
    # quote leaves a dash as it is, but a dash alone stands for none.
    return quote_from_bytes(data, safe="").replace("-", "%2D")


def _bytes(text: str) -> bytes:
    return b"" if text == EMPTY else unquote_to_bytes(text)
