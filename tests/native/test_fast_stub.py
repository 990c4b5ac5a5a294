"""The stub of the module in C names what its types have, and so have their plain twins."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.native.fast_stores import (
    base_of,
    needs_fast,
    open_over,
    snapshot_base_of,
)

pytestmark = needs_fast

STUB = Path(__file__).parents[2] / "src" / "pykv" / "_native" / "_fast.pyi"
DESCRIBED = {
    node.name: {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    for node in ast.parse(STUB.read_text()).body
    if isinstance(node, ast.ClassDef)
}
# Methods with two underscores that a type defines, and does not have from object.
SPECIAL = {f"__{name}__" for name in ("contains", "delitem", "getitem", "setitem")} | {
    f"__{name}__" for name in ("iter", "next", "enter", "exit")
}


def names_of(kind: type) -> set[str]:
    names = {name for each in kind.__mro__ for name in vars(each)}
    return {name for name in names if not name.startswith("__") or name in SPECIAL}


def test_the_stub_has_every_type_and_no_other() -> None:
    assert DESCRIBED.keys() == {"StoreBase", "SnapshotBase", "Scan", "Changes", "Cursor"}
    assert names_of(base_of("fast")) == DESCRIBED["StoreBase"]
    assert names_of(snapshot_base_of("fast")) == DESCRIBED["SnapshotBase"]


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("Scan", lambda db: db.scan()),
        ("Changes", lambda db: db.changes()),
        ("Cursor", lambda db: db.cursor()),
    ],
)
def test_what_a_store_makes_is_in_the_stub(
    name: str, make: Callable[[Any], Any], tmp_path: Path
) -> None:
    with (
        open_over("fast", tmp_path / "fast", "lsm") as fast,
        open_over("plain", tmp_path / "plain", "lsm") as plain,
    ):
        assert names_of(type(make(fast))) == DESCRIBED[name]
        twin = type(make(plain))
        assert twin.__name__ == name
        public = {each for each in names_of(twin) if each in SPECIAL or not each.startswith("_")}
        assert public == DESCRIBED[name]
