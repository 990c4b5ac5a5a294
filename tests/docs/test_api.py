"""docs/api.md agrees with the code: options and defaults, methods, features, stats, errors."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv import errors
from pykv.features import FEATURES
from pykv.options import BitcaskOptions, CommonOptions, LsmOptions, MemoryOptions
from pykv.store import Batch, OrderedStore, Store
from tests.docs.blocks import ROOT

TEXT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under a heading, up to the next one of its level or above."""
    marks = re.search(rf"^(#+) {re.escape(title)}$", TEXT, re.MULTILINE)
    assert marks is not None, f"there is no heading {title!r}"
    rest = TEXT[marks.end() :]
    return re.split(rf"^#{{1,{len(marks[1])}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def table(title: str) -> list[list[str]]:
    """The cells of the rows of the first table under a heading."""
    lines = [line for line in section(title).split("\n\n") if line.strip().startswith("|")]
    rows = [re.split(r"(?<!\\) ?\| ?", line.strip()) for line in lines[0].strip().split("\n")]
    return [[cell.strip() for cell in row[1:-1]] for row in rows[2:]]


DISK = {"bitcask": BitcaskOptions, "lsm": LsmOptions}


def engines_of(cell: str) -> set[str]:
    """The engines that the last column of the table of options names."""
    return {"disk": {*DISK}, "all": {*DISK, "memory"}}.get(cell, {cell})


@pytest.mark.parametrize("engine", DISK)
def test_the_options_are_those_of_the_class_with_their_defaults(engine: str) -> None:
    cls = DISK[engine]
    documented = {
        row[0].strip("`"): row[1] for row in table("Options") if engine in engines_of(row[4])
    }
    fields = [field.name for field in dataclasses.fields(cls)]
    assert sorted(documented) == sorted(fields)
    for name in fields:
        default = getattr(cls(), name)
        shown = f'"{default}"' if name == "durability" else repr(default).replace("'", '"')
        # One default for all engines, or an own one behind the name of an engine.
        own = re.search(rf"{engine} (`[^`]*`)", documented[name])
        assert (own[1] if own else documented[name].split(",")[0]) == f"`{shown}`", name


def test_the_options_of_all_engines_are_the_common_ones() -> None:
    common = {field.name for field in dataclasses.fields(CommonOptions)}
    assert common == {field.name for field in dataclasses.fields(MemoryOptions)}
    for row in table("Options"):
        assert row[0].strip("`") in common or row[4] in ("disk", *DISK)


def public(*classes: type) -> set[str]:
    names = {name for each in classes for name in dir(each) if not name.startswith("_")}
    return names - {"register"}


def test_every_method_is_documented() -> None:
    text = section("Stores")
    names = public(Store, OrderedStore, Batch, pykv.Bitcask, pykv.Lsm, pykv.Memory)
    missing = {name for name in names if not re.search(rf"`[^`]*\b{name}\b[^`]*`", text)}
    assert missing == set()


def test_the_features_are_those_of_the_code_and_of_each_engine(tmp_path: Path) -> None:
    rows = [line.split("|") for line in TEXT.split("\n") if line.startswith('| `"')]
    cells = {row[1].strip().strip('`"'): [cell.strip() for cell in row[3:6]] for row in rows}
    assert cells.keys() == FEATURES.keys()
    for column, engine in enumerate(["bitcask", "lsm", "memory"]):
        with pykv.open(tmp_path / engine, engine=engine) as db:
            for feature, shown in cells.items():
                assert (shown[column] == "yes") == pykv.supports(db, feature), feature


def test_every_counter_of_stats_is_documented(tmp_path: Path) -> None:
    documented = set(re.findall(r"`(\w+)`", section("Stats")))
    counters: set[str] = set()
    for engine in ("bitcask", "lsm", "memory"):
        with pykv.open(tmp_path / engine, engine=engine) as db:
            stats: dict[str, Any] = db.stats()
        counters |= stats.keys()
    assert documented - {"_us"} == counters


def test_every_error_is_documented_with_its_base() -> None:
    rows = {row[0].strip("`").removeprefix("pykv."): row[1].strip("`") for row in table("Errors")}
    classes = {
        name: each
        for name, each in vars(errors).items()
        if isinstance(each, type) and issubclass(each, errors.Error)
    }
    assert rows.keys() == classes.keys()
    for name, base in rows.items():
        others = [each.__name__ for each in classes[name].__bases__ if each is not errors.Error]
        assert base.removeprefix("pykv.") == "".join(others), name
