"""What commands share: their arguments, and how they open a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import click

import pykv
from pykv.cli.coding import FORMATS, CodingError, Format, to_bytes
from pykv.cli.failures import Exit, Failure
from pykv.errors import Error

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])

_FORMATS_TEXT: Final = (
    "utf8: text as it is; escape: text with \\xNN, \\t, \\n, \\r and \\\\; hex; base64."
)


def database_argument(command: _Decorated) -> _Decorated:
    """The argument DATABASE, a Path."""
    return click.argument("database", type=click.Path(path_type=Path))(command)


def format_option(name: str, default: str | None, note: str = "") -> Callable[[_Decorated], Any]:
    """The option --key-format or --value-format.

    default None: the command decides, and note says how.
    """
    shown = "" if default is None else f"  [default: {default}]"
    text = f"How {name.removeprefix('--').removesuffix('-format')}s are written. {_FORMATS_TEXT}"
    return click.option(
        name,
        type=click.Choice(FORMATS),
        default=default,
        metavar="utf8|escape|hex|base64",
        help=" ".join(part for part in (text, note) if part) + shown,
    )


def json_option(note: str) -> Callable[[_Decorated], Any]:
    """The flag --json, which becomes the argument as_json."""
    return click.option("--json", "as_json", is_flag=True, help=note)


def engine_option(command: _Decorated) -> _Decorated:
    """The option --engine, for commands that can make a database."""
    return click.option(
        "--engine",
        metavar="NAME",
        help="Engine of a new database.  [default: that of the directory, or lsm]",
    )(command)


def namespace_option(note: str = "The default one is ''.") -> Callable[[_Decorated], Any]:
    """The option --namespace, whose argument is None where it is not given."""
    return click.option("--namespace", metavar="NAME", help=f"In this namespace. {note}")


@contextmanager
def within(db: pykv.Store, name: str | None, *, create: bool = False) -> Iterator[pykv.Store]:
    """The namespace of that name, "" or None: the default one; at the end db is closed.

    create makes it where there is none; else a Failure says that there is none.
    """
    with db:
        if not name:
            yield db
            return
        try:
            space = db.namespace(name, create=create)
        except KeyError:
            raise Failure(
                f"there is no namespace {name!r} in {db.path}: `pykv namespaces` lists them.",
                Exit.NOT_FOUND,
            ) from None
        except Error:
            raise
        except ValueError as error:
            raise Failure(f"--namespace: {error}.", Exit.USAGE) from None
        yield space


def example(text: str) -> str:
    """The end of a --help that shows how the command is used, line by line."""
    return f"\b\nExample:\n{text}"


def argument_bytes(text: str, how: str, what: str) -> bytes:
    """The bytes of an argument; a Failure that names it where it is not in the format."""
    try:
        return to_bytes(text, cast(Format, how))
    except CodingError as error:
        raise Failure(f"{what} {text!r} is not {how}: {error}.", Exit.USAGE) from None


def open_reader(database: Path) -> pykv.Store:
    """The database as it is at this moment; another process may have it open."""
    return _open(database, read_only=True, create=False)


def open_writer(database: Path, *, create: bool, engine: str | None = None) -> pykv.Store:
    """The database for writing; create makes it where there is none."""
    return _open(database, create=create, **({} if engine is None else {"engine": engine}))


def _open(database: Path, **options: Any) -> pykv.Store:
    try:
        store: pykv.Store = pykv.open(database, **options)
    except FileNotFoundError:
        raise Failure(
            f"there is no database in {database}. Check the path, or make one with `pykv put` "
            "or `pykv load`."
        ) from None
    if not pykv.supports(store, "persistence"):
        store.close()
        raise Failure("the rows of this engine end with the command. Choose another.", Exit.USAGE)
    return store
