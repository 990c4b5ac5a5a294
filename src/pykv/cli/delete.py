"""`pykv delete`: removes keys."""

from __future__ import annotations

from pathlib import Path

import click

from pykv.cli.failures import Exit, Failure
from pykv.cli.opening import (
    argument_bytes,
    database_argument,
    example,
    format_option,
    json_option,
    namespace_option,
    open_writer,
    within,
)
from pykv.cli.output import write_json


@click.command(
    "delete",
    epilog=example(
        "  pykv delete data greeting\n"
        "  pykv delete data --missing-ok one two\n"
        "  pykv delete ordered --prefix session:"
    ),
)
@database_argument
@click.argument("keys", metavar="[KEY...]", nargs=-1)
@click.option("--start", metavar="KEY", help="First key. Needs an engine with order.")
@click.option("--stop", metavar="KEY", help="Key behind the last. Needs an engine with order.")
@click.option("--prefix", metavar="TEXT", help="Keys that begin so. Needs an engine with order.")
@namespace_option()
@format_option("--key-format", "utf8")
@click.option("--missing-ok", is_flag=True, help="Exit with 0 also if a key is not there.")
@json_option("Write how many keys were there as a JSON object.")
def command(
    database: Path,
    keys: tuple[str, ...],
    start: str | None,
    stop: str | None,
    prefix: str | None,
    namespace: str | None,
    key_format: str,
    missing_ok: bool,
    as_json: bool,
) -> None:
    """Remove each KEY, or a range of keys in one step.

    If one of them is not there the exit code is 1; the others are removed nevertheless. Bounds are
    written as keys are, and one of them is not empty: that would be every key. With --json the keys
    of a range are counted before they go.
    """
    bounds = {
        name: argument_bytes(text, key_format, name)
        for name, text in (("start", start), ("stop", stop), ("prefix", prefix))
        if text is not None
    }
    if bool(keys) == bool(bounds):
        raise Failure("give keys, or a range by --start, --stop or --prefix.", Exit.USAGE)
    if bounds and not any(bounds.values()):
        name = next(iter(bounds))
        raise Failure(f"an empty --{name} would remove every key: see pykv destroy.", Exit.USAGE)
    if bounds:
        _delete_range(database, namespace, bounds, as_json)
    else:
        _delete_keys(database, namespace, keys, key_format, missing_ok, as_json)


def _delete_range(
    database: Path, namespace: str | None, bounds: dict[str, bytes], as_json: bool
) -> None:
    prefix = bounds.get("prefix", b"")
    low = max(prefix, bounds.get("start", b""))
    ends = [end for end in (bounds.get("stop"), _end_of(prefix)) if end is not None]
    high = min(ends, default=None)
    with within(open_writer(database, create=False), namespace) as db:
        count = db.count(low, high) if as_json else None
        db.delete_range(low, high)  # type: ignore[attr-defined]  # refused where it is missing
    if as_json:
        write_json({"deleted": count})


def _end_of(prefix: bytes) -> bytes | None:
    """The first key behind all that begin with prefix; None if there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None


def _delete_keys(
    database: Path,
    namespace: str | None,
    keys: tuple[str, ...],
    key_format: str,
    missing_ok: bool,
    as_json: bool,
) -> None:
    exact = [argument_bytes(key, key_format, "the key") for key in keys]
    missing = []
    with within(open_writer(database, create=False), namespace) as db:
        for key, data in zip(keys, exact, strict=True):
            if db.pop(data, None) is None:
                missing.append(key)
    if as_json:
        write_json({"deleted": len(keys) - len(missing), "missing": len(missing)})
    if missing and not missing_ok:
        raise Failure(f"not found: {', '.join(missing)}", Exit.NOT_FOUND)
