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
    open_writer,
)
from pykv.cli.output import write_json


@click.command(
    "delete",
    epilog=example("  pykv delete data greeting\n  pykv delete data --missing-ok one two"),
)
@database_argument
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@format_option("--key-format", "utf8")
@click.option("--missing-ok", is_flag=True, help="Exit with 0 also if a key is not there.")
@json_option("Write how many keys were there as a JSON object.")
def command(
    database: Path, keys: tuple[str, ...], key_format: str, missing_ok: bool, as_json: bool
) -> None:
    """Remove each KEY.

    If one of them is not there the exit code is 1; the others are removed nevertheless.
    """
    exact = [argument_bytes(key, key_format, "the key") for key in keys]
    missing = []
    with open_writer(database, create=False) as db:
        for key, data in zip(keys, exact, strict=True):
            if db.pop(data, None) is None:
                missing.append(key)
    if as_json:
        write_json({"deleted": len(keys) - len(missing), "missing": len(missing)})
    if missing and not missing_ok:
        raise Failure(f"not found: {', '.join(missing)}", Exit.NOT_FOUND)
