"""The door to the C core: cffi's ffi and lib, owned handles, errors, the bases of native classes.

StoreBase and SnapshotBase are the types of `_native/cpython/` where the extension has them, unless
the environment says PYKV_FASTPATH=0 at import; else their plain twins over cffi.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING

from pykv._native import _core
from pykv._native._core import ffi, lib
from pykv._native._plain import (
    SCAN_KEYS,
    SCAN_ROWS,
    SCAN_VALUES,
    count_rows,
    flags_of,
    now_us,
    range_of,
)
from pykv._native.handle import Handle
from pykv._native.ownership import own
from pykv._native.status import check, error_of, text_of, text_of_damage

__all__ = [
    "SCAN_KEYS",
    "SCAN_ROWS",
    "SCAN_VALUES",
    "Handle",
    "SnapshotBase",
    "StoreBase",
    "check",
    "count_rows",
    "error_of",
    "ffi",
    "flags_of",
    "lib",
    "now_us",
    "own",
    "range_of",
    "text_of",
    "text_of_damage",
]


def _load_fast() -> bool:
    """Loads `pykv._native._fast` out of the shared object of _core; False if it holds none."""
    name = "pykv._native._fast"
    spec = spec_from_file_location(name, loader=ExtensionFileLoader(name, _core.__file__))
    assert spec is not None
    assert spec.loader is not None
    try:
        module = module_from_spec(spec)
    except ImportError as error:
        if "PyInit__fast" in str(error):
            return False
        raise
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return True


if TYPE_CHECKING or os.environ.get("PYKV_FASTPATH") == "0" or not _load_fast():
    from pykv._native._plain import SnapshotBase as SnapshotBase
    from pykv._native._plain import StoreBase as StoreBase
else:
    from pykv._native._fast import SnapshotBase as SnapshotBase
    from pykv._native._fast import StoreBase as StoreBase
