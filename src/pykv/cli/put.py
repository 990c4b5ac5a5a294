"""`pykv put`: sets a key."""

from __future__ import annotations

from pathlib import Path

import click

from pykv.cli.failures import Exit, Failure
from pykv.cli.opening import (
    argument_bytes,
    database_argument,
    engine_option,
    example,
    format_option,
    namespace_option,
    open_writer,
    within,
)
from pykv.cli.output import standard_input
from pykv.errors import Error


@click.command(
    "put",
    epilog=example(
        "  pykv put data greeting hello\n"
        "  pykv put data picture --file picture.png\n"
        "  date | pykv put data today\n"
        "  pykv put sessions ada 42 --ttl 3600"
    ),
)
@database_argument
@click.argument("key")
@click.argument("value", required=False)
@click.option(
    "--file",
    "source",
    type=click.Path(path_type=Path),
    help="Take the value from a file, byte for byte.",
)
@click.option(
    "--ttl",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Let the row expire so many seconds from now on.  [default: it stays]",
)
@namespace_option()
@format_option("--key-format", "utf8")
@format_option("--value-format", "utf8", "For VALUE, not for a file or standard input.")
@engine_option
def command(
    database: Path,
    key: str,
    value: str | None,
    source: Path | None,
    ttl: float | None,
    namespace: str | None,
    key_format: str,
    value_format: str,
    engine: str | None,
) -> None:
    """Set KEY to VALUE, in a new database if there is none.

    Without VALUE and --file the value is read from standard input, byte for byte. When the command
    ends the row is on the device.
    """
    exact = argument_bytes(key, key_format, "the key")
    data = _value(value, value_format, source)
    with within(open_writer(database, create=True, engine=engine), namespace, create=True) as db:
        try:
            db.put(exact, data, ttl=ttl)
        except Error:
            raise
        except ValueError as error:
            raise Failure(f"--ttl: {error}.", Exit.USAGE) from None


def _value(value: str | None, value_format: str, source: Path | None) -> bytes:
    if value is not None and source is not None:
        raise Failure("VALUE and --file exclude each other: give one.", Exit.USAGE)
    if value is not None:
        return argument_bytes(value, value_format, "the value")
    if source is not None:
        return source.read_bytes()
    return standard_input().read()
