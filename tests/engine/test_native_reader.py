"""Scans over one primitive: what it is asked for."""

import sys
from typing import Any

import pytest

from pykv._native import SCAN_KEYS, SCAN_ROWS, SCAN_VALUES
from pykv.engine.native_reader import NativeReader


class Asked(NativeReader):
    """Gives what it was asked for."""

    def _begin_scan(self, *arguments: Any) -> Any:
        return arguments


@pytest.mark.parametrize(
    ("name", "kind"),
    [("scan", SCAN_ROWS), ("scan_keys", SCAN_KEYS), ("scan_values", SCAN_VALUES)],
)
def test_each_scan_asks_for_its_kind_and_hands_its_arguments_on(name: str, kind: int) -> None:
    scan: Any = getattr(Asked(), name)
    assert scan() == (kind, None, None, None, False, -1)
    assert scan(b"a", b"b", prefix=b"c", reverse=True, limit=0) == (
        kind, b"a", b"b", b"c", True, 0,
    )  # fmt: skip
    assert scan(limit=1 << 70)[-1] == sys.maxsize


def test_a_limit_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="limit"):
        Asked().scan(limit=-1)
