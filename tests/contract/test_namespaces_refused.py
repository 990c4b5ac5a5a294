"""What a store without namespaces says to those who ask for one."""

from collections.abc import Callable
from typing import Any

import pytest

import pykv


@pytest.mark.lacks("namespaces")
def test_a_store_without_namespaces_says_so(db: Any) -> None:
    uses: list[Callable[[], object]] = [
        lambda: db.namespace("users", create=True),
        lambda: db.namespaces(),
        lambda: db.drop_namespace("users"),
    ]
    for use in uses:
        with pytest.raises(pykv.NotSupportedError, match="LSM store"):
            use()
    with db.batch() as batch, pytest.raises(pykv.NotSupportedError):
        batch.put(b"a", b"1", namespace=db)
