"""`pykv changes`: lists what was written, in order."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Final, cast

import click

import pykv
from pykv.cli.coding import Format, to_text
from pykv.cli.opening import (
    database_argument,
    example,
    format_option,
    json_option,
    open_reader,
)
from pykv.cli.output import json_fields, write_json, write_line

_PLACE: Final = re.compile(r"(?:(\d{1,20}):)?(\d{1,19})", re.ASCII)
_SEQUENCE_MAX: Final = 1 << 62
_EPOCH_MAX: Final = (1 << 64) - 1


def _place_of(
    _context: click.Context, _option: click.Parameter, text: str
) -> int | tuple[int, int]:
    """What `Store.changes` takes for SEQ or EPOCH:SEQ."""
    found = _PLACE.fullmatch(text)
    epoch, sequence = (int(found[1] or 0), int(found[2])) if found else (0, -1)
    if not 0 <= sequence <= _SEQUENCE_MAX or epoch > _EPOCH_MAX:
        raise click.BadParameter(f"{text!r} is neither SEQ nor EPOCH:SEQ.")
    return (epoch, sequence) if ":" in text else sequence


@click.command(
    "changes",
    epilog=example("  pykv changes data --since 0:1000\n  pykv changes data --follow --json"),
)
@database_argument
@click.option(
    "--since",
    default="0",
    callback=_place_of,
    metavar="[EPOCH:]SEQ",
    help="Changes behind this place; with an epoch only where it is of the same history. Without "
    "it: all that are kept.",
)
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most N changes.")
@click.option("--follow", is_flag=True, help="Wait for more, until it is interrupted.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="With --follow: end where nothing came for so long.",
)
@click.option(
    "--synced", is_flag=True, help="Only what is on the device: no loss of power takes it back."
)
@format_option("--key-format", None, "Without it: escape; with --json text, or base64.")
@format_option("--value-format", None, "Without it: escape; with --json text, or base64.")
@json_option("Write a JSON object for each change.")
def command(
    database: Path,
    since: int | tuple[int, int],
    limit: int | None,
    follow: bool,
    timeout: float | None,
    synced: bool,
    key_format: str | None,
    value_format: str | None,
    as_json: bool,
) -> None:
    """Write changes, each on a line: what was written, in its order.

    A line has the place as EPOCH:SEQ, what was done, the key, and the value, with tabs between. A
    plus sign behind the place: the next change was written together with this one, all or nothing,
    so it is no place to go on from; with --json a change is "last" where there is none. A
    delete_range has its bounds there; a clear has neither. namespace=N behind them is the number of
    a namespace, of which the change that made it tells the name. Needs an engine that keeps its
    log. A program may have the database open, and write to it: what it wrote is shown, on the
    device or not unless --synced, as far as its history_bytes and pins keep it.
    """
    if timeout is not None and not follow:
        raise click.UsageError("--timeout is for --follow")
    write = _write_json if as_json else _write_text
    formats = (key_format, value_format)
    if limit == 0:
        return
    with open_reader(database) as db:
        feed = db.changes(since, follow=follow, timeout=timeout, unsynced=not synced)
        for count, change in enumerate(feed, 1):
            write(change, formats)
            if follow:
                sys.stdout.flush()
            if count == limit:
                break


def _write_text(change: pykv.Change, formats: tuple[str | None, str | None]) -> None:
    more = "" if change.last else "+"
    parts = [f"{change.epoch}:{change.seq}{more}", change.kind]
    for data, how in zip((change.key, change.value), formats, strict=True):
        if data is not None and change.kind != "clear":
            parts.append(to_text(data, cast(Format, how or "escape")))
    if change.namespace is not None:
        parts.append(f"namespace={change.namespace}")
    write_line("\t".join(parts))


def _write_json(change: pykv.Change, formats: tuple[str | None, str | None]) -> None:
    fields: dict[str, Any] = {"seq": change.seq, "epoch": change.epoch, "kind": change.kind}
    names = ("start", "stop") if change.kind == "delete_range" else ("key", "value")
    for name, data, how in zip(names, (change.key, change.value), formats, strict=True):
        if data is not None and change.kind != "clear":
            fields |= json_fields(name, data, cast("Format | None", how))
    if change.expires_at is not None:
        fields["expires_at"] = change.expires_at
    if change.namespace is not None:
        fields["namespace"] = change.namespace
    write_json(fields | {"last": change.last})
