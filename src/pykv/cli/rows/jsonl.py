"""JSON Lines: an object on each line, with a key and a value.

A field `key` holds text; `key_escape`, `key_hex` and `key_base64` hold what they say; `value`
likewise. A field `expires_us` holds the microseconds since 1970 at which the row expires, and a
field `namespace` the name of its namespace; an object with that alone says that there is the
namespace. Other fields are refused, because they would be lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import IO, Any

from pykv.cli.coding import Format
from pykv.cli.output import json_fields
from pykv.cli.rows.row import (
    EXPIRES,
    NAMESPACE,
    Line,
    Made,
    RowError,
    cell_bytes,
    deadline_of,
    field_format,
    lines_of,
    name_of,
    namespace_of,
    row_of,
)


def read_jsonl(stream: IO[bytes], key_format: Format, value_format: Format) -> Iterator[Line]:
    """The rows of a stream. The formats are those of fields named just key and value. RowError."""
    for number, line in lines_of(stream):
        fields = _object(line, number)
        name = fields.pop(NAMESPACE, None)
        if name is not None and not fields:
            yield Made(name_of(name, number))
            continue
        expires = fields.pop(EXPIRES, None)
        key = field_format(list(fields), "key", key_format)
        value = field_format(list(fields), "value", value_format)
        if key is None or value is None or len(fields) != 2:
            raise RowError(
                number, 'an object must have two fields, as in {"key": "a", "value": "b"}'
            )
        yield row_of(
            cell_bytes(_text(fields[key[0]], key[0], number), key[1], "key", number),
            cell_bytes(_text(fields[value[0]], value[0], number), value[1], "value", number),
            expires,
            number,
            name,
        )


def write_jsonl(
    rows: Iterable[Line],
    stream: IO[bytes],
    key_format: Format | None,
    value_format: Format | None,
) -> None:
    """Writes each row as an object. A format of None is text where it is text, else base64.

    CodingError for bytes that a format cannot show.
    """
    for row in rows:
        if isinstance(row, Made):
            stream.write(_line({NAMESPACE: row.name}))
            continue
        deadline_us, name = deadline_of(row), namespace_of(row)
        fields: dict[str, Any] = json_fields("key", row[0], key_format)
        fields |= json_fields("value", row[1], value_format)
        if deadline_us:
            fields[EXPIRES] = deadline_us
        if name is not None:
            fields[NAMESPACE] = name
        stream.write(_line(fields))


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


def _object(line: str, number: int) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RowError(number, f"not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise RowError(number, f"an object belongs here, not a {type(fields).__name__}")
    return fields


def _text(value: object, name: str, number: int) -> str:
    if not isinstance(value, str):
        raise RowError(
            number, f"{name} must be a string, not {json.dumps(value)[:40]}: write it in quotes"
        )
    return value
