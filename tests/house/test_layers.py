"""Layers point down: what each folder of C may include and each module of Python may import."""

from collections.abc import Iterator
from pathlib import Path

import house_c
import house_files
import house_python
import pytest

# A layer of the core may include itself, pykv.h and what stands here.
C_LAYERS: dict[str, set[str]] = {
    "base": set(),
    "env": {"base"},
    "log": {"base", "env"},
    "codec": {"base"},
    "table": {"base", "env", "codec"},
    "bitcask": {"base", "env", "log", "codec"},
    "lsm": {"base", "env", "log", "codec", "table"},
    "api": {"base", "env", "log", "codec", "table", "bitcask", "lsm"},
    "cpython": set(),
}
PUBLIC_HEADER = "pykv.h"
PUBLIC_HEADER_MAY_INCLUDE = {"stdbool.h", "stddef.h", "stdint.h"}

# A module or package of pykv may import itself and what stands here. The first row whose name
# leads the module's own name counts.
PUBLIC = {"pykv.arrays", "pykv.errors", "pykv.options", "pykv.reader", "pykv.store"}
STORE_SIDE = {"pykv.arguments", *PUBLIC}
PYTHON_LAYERS: dict[str, set[str]] = {
    "pykv.errors": set(),
    "pykv.arguments": {"pykv.errors"},
    "pykv.options": {"pykv.errors", "pykv.arguments"},
    "pykv.arrays": {"pykv.errors", "pykv.arguments"},
    "pykv.reader": {"pykv.arrays", "pykv.errors", "pykv.arguments"},
    "pykv.reports": {"pykv.errors"},
    "pykv.store": {
        "pykv.arrays",
        "pykv.reader",
        "pykv.reports",
        "pykv.errors",
        "pykv.arguments",
        "pykv.options",
    },
    "pykv.__main__": {"pykv.cli"},
    "pykv.cli": {"pykv", *PUBLIC},
    "pykv.engine": {"pykv._native", *STORE_SIDE},
    "pykv.adapters": {"pykv.engine", *STORE_SIDE},
    "pykv.shard": STORE_SIDE,
    "pykv.replication": STORE_SIDE,
    "pykv._native": {"pykv.errors", "pykv.arguments"},
    "pykv": {"pykv.engine", "pykv.shard", "pykv.replication", "pykv._native", *STORE_SIDE},
}


def c_violations(path: Path, text: str) -> Iterator[str]:
    """Yield every include of a file of the core, or of its tests, that does not point down."""
    folder = path.parts[-2]
    mirrors_core = path.parts[0] == "tests"
    allowed = {folder, *C_LAYERS.get(folder, set()), *({"harness"} if mirrors_core else set())}
    for line, is_system, name in house_c.includes(text):
        where = f"{path}:{line}: {folder}/ may not include"
        if path.name == PUBLIC_HEADER:
            if name not in PUBLIC_HEADER_MAY_INCLUDE:
                yield f"{path}:{line}: {PUBLIC_HEADER} may not include {name}"
        elif is_system:
            if name == "Python.h" and folder != "cpython":
                yield f"{where} <Python.h>"
        elif "/" not in name and name != PUBLIC_HEADER and not mirrors_core:
            yield f'{path}:{line}: "{name}" must be written with its folder'
        elif "/" in name and name.split("/")[0] not in allowed:
            yield f"{where} {name}"


def layer_of(module: str) -> str | None:
    """Return the row of PYTHON_LAYERS for a module, or None."""
    if module == "pykv":
        return module
    return next((row for row in PYTHON_LAYERS if f"{module}.".startswith(f"{row}.")), None)


def python_violations(path: Path, text: str) -> Iterator[str]:
    """Yield every import of a module of pykv that does not point down."""
    module = house_python.module_name(path)
    layer = layer_of(module)
    if layer is None or (layer == "pykv" and module.count(".") > 1):
        yield f"{path}:1: {module} has no row in PYTHON_LAYERS"
        return
    for line, name in house_python.imports(text, path):
        if name.split(".")[0] == "pykv" and not _may_import(layer, name):
            yield f"{path}:{line}: {module} may not import {name}"


def _may_import(layer: str, name: str) -> bool:
    """Tell whether a module of a layer may import a dotted name of pykv."""
    target = layer_of(name)
    if layer == "pykv.cli" and target == "pykv":
        return name.count(".") <= 1 and not name.startswith("pykv._")
    return target == layer or target in PYTHON_LAYERS[layer]


def core_files() -> list[Path]:
    """Return the C files whose folder is a layer: the core and the tests that mirror it."""
    found = house_files.matching("src/pykv/_native/**/*.[ch]", "tests/c/*/*.[ch]")
    return [path for path in found if path.parts[-2] != "harness"]


def test_c_includes_point_down() -> None:
    found = core_files()
    assert found, "no C files found below src/pykv/_native"
    house_files.fail_on(
        (v for path in found for v in c_violations(path, house_files.read(path))),
        "Includes point down only: base < env < log < bitcask < api; cpython sees pykv.h alone.",
    )


def test_every_folder_of_the_core_is_a_layer() -> None:
    folders = {path.parts[3] for path in house_files.matching("src/pykv/_native/*/*.[ch]")}
    assert folders <= set(C_LAYERS), f"not in C_LAYERS: {sorted(folders - set(C_LAYERS))}"


def test_python_imports_point_down() -> None:
    house_files.fail_on(
        (
            violation
            for path in house_files.matching("src/pykv/**/*.py")
            for violation in python_violations(path, house_files.read(path))
        ),
        "Imports point down only: errors < options < store < _native < engine; shard and "
        "replication see stores alone; cli sees the public API.",
    )


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("src/pykv/_native/base/x.c", '#include "env/env.h"'),
        ("src/pykv/_native/bitcask/x.c", '#include "lsm/lsm.h"'),
        ("src/pykv/_native/lsm/x.h", '#include "bitcask/keydir.h"'),
        ("src/pykv/_native/cpython/x.c", '#include "base/memory.h"'),
        ("src/pykv/_native/api/x.c", "#include <Python.h>"),
        ("src/pykv/_native/log/x.c", '#include "log_format.h"'),
        ("src/pykv/_native/pykv.h", "#include <stdio.h>"),
        ("tests/c/env/x_test.c", '#include "log/log_format.h"'),
    ],
)
def test_an_include_that_points_up_is_found(path: str, line: str) -> None:
    assert list(c_violations(Path(path), line))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("src/pykv/errors.py", "from pykv import options"),
        ("src/pykv/engine/lsm.py", "from pykv.shard import routing"),
        ("src/pykv/shard/routing.py", "from .._native import lib"),
        ("src/pykv/shard/routing.py", "from pykv.replication import primary"),
        ("src/pykv/cli/get.py", "import pykv.engine.bitcask"),
        ("src/pykv/cli/get.py", "from pykv._native import lib"),
        ("src/pykv/_native/handle.py", "from pykv import engine"),
        ("src/pykv/unheard_of/x.py", "import os"),
    ],
)
def test_an_import_that_points_up_is_found(path: str, line: str) -> None:
    assert list(python_violations(Path(path), line))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("src/pykv/__init__.py", "from .engine import open_store"),
        ("src/pykv/engine/bitcask.py", "from .._native import ffi, lib"),
        ("src/pykv/cli/get.py", "import pykv"),
        ("src/pykv/cli/get.py", "from pykv import Bitcask, open"),
        ("src/pykv/store.py", "from .options import BitcaskOptions"),
    ],
)
def test_an_import_that_points_down_is_left_alone(path: str, line: str) -> None:
    assert not list(python_violations(Path(path), line))
