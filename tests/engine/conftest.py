"""Stores that tests of the engines open, and close whatever happens."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pykv.engine.bitcask import Bitcask
from pykv.options import BitcaskOptions


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store of the test may live."""
    return tmp_path / "db"


@pytest.fixture
def make(path: Path) -> Iterator[Callable[..., Bitcask]]:
    """Opens a store at path with options; closes all of them."""
    stores: list[Bitcask] = []

    def make(**options: Any) -> Bitcask:
        stores.append(Bitcask(path, BitcaskOptions(**options)))
        return stores[-1]

    yield make
    for store in stores:
        store.close()
