"""Stores over the fast type and over its plain twin, in one process, to be compared."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pykv._native
from pykv._native import Handle, _plain
from pykv.options import BitcaskOptions, LsmOptions

ENGINES: dict[str, Any] = {"bitcask": BitcaskOptions, "lsm": LsmOptions}
HAS_FAST = "pykv._native._fast" in sys.modules
PATHS = ("fast", "plain")
# How the plain path calls the core, and what it keeps.
ONLY_PLAIN = {
    f"_{name}" for name in ("owner", "pointer", "snapshot", "pin", "has", "view", "look_up")
} | {f"_{name}" for name in ("begin", "begin_cursor", "find")}
WHY_NOT = "this process was told to use the plain path (PYKV_FASTPATH=0)"
needs_fast = pytest.mark.skipif(not HAS_FAST, reason=WHY_NOT)


def base_of(path: str) -> Any:
    """StoreBase of the fast or the plain path."""
    return _plain.StoreBase if path == "plain" else sys.modules["pykv._native._fast"].StoreBase


def snapshot_base_of(path: str) -> Any:
    """SnapshotBase of the fast or the plain path."""
    module = _plain if path == "plain" else sys.modules["pykv._native._fast"]
    return module.SnapshotBase


def _copy_of(name: str) -> Any:
    """A second copy of a module, made from what its imports are now."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


# The classes between a base and the stores, each with its module, in the order of their imports.
BETWEEN = {
    "native_store": ["NativeStore"],
    "native_space": ["NativeSpace", "NativeNamespace"],
    "native_snapshot": ["NativeSnapshot"],
    "bitcask_snapshot": ["BitcaskSnapshot"],
    "lsm_snapshot": ["LsmSnapshot"],
}


def _classes_over(base: Any, snapshot_base: Any) -> dict[str, Any]:
    """The classes of native stores over two bases, by the name of their engine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pykv._native, "StoreBase", base)
        patch.setattr(pykv._native, "SnapshotBase", snapshot_base)
        for name, classes in BETWEEN.items():
            copy = _copy_of(f"pykv.engine.{name}")
            for each in classes:
                patch.setattr(f"pykv.engine.{name}.{each}", getattr(copy, each))
        modules = {engine: _copy_of(f"pykv.engine.{engine}") for engine in ENGINES}
    return {"bitcask": modules["bitcask"].Bitcask, "lsm": modules["lsm"].Lsm}


CLASSES = {
    path: _classes_over(base_of(path), snapshot_base_of(path))
    for path in PATHS
    if path == "plain" or HAS_FAST
}


for _path, _classes in CLASSES.items():
    assert all(base_of(_path) in each.__mro__ for each in _classes.values())


def open_over(path: str, directory: Path, engine: str = "bitcask", **options: Any) -> Any:
    """An open store over the fast or the plain path."""
    return CLASSES[path][engine](directory, ENGINES[engine](**options))


def bound(directory: Path, base: Any = None) -> Any:
    """A bare object of base (by default the fast type), the only holder of an open store."""
    handle = Handle(directory, {})
    store = (base or base_of("fast"))()
    store._bind(handle.address, handle.owner, 1 << 20)
    return store


def outcome(call: Any, *arguments: Any) -> tuple[str, object]:
    """What a call returned, or the class and the text of what it raised."""
    try:
        return "returned", call(*arguments)
    except Exception as error:
        return type(error).__name__, str(error)


def run_python(code: str, **environment: str) -> str:
    """What a new interpreter with these variables prints for code, in one minute."""
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return answer.stdout.strip()
