"""What a forked child must not end: it has the parent's databases in its memory.

The end of a read transaction of LMDB frees the slot of the parent's, whose pages are then written
over; the end of a RocksDB removes files that the parent has made since the fork. So a child lets
none of them go, also at its exit.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Any

_open: weakref.WeakSet[Any] = weakref.WeakSet()


def never_end_in_child(part: object) -> None:
    """A child that is forked from now on keeps part, and what it refers to, for ever."""
    _open.add(part)


def _keep_all() -> None:
    for each in list(_open):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))


os.register_at_fork(after_in_child=_keep_all)
