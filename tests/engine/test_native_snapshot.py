"""The lifetime of snapshots of native stores."""

import gc
from pathlib import Path

import pytest

from pykv.engine.bitcask import Bitcask
from pykv.engine.lsm import Lsm
from pykv.errors import ClosedError

engines = pytest.mark.parametrize("engine", [Bitcask, Lsm])


@engines
def test_open_ones_are_counted_and_a_dropped_one_is_closed(
    tmp_path: Path, engine: type[Bitcask] | type[Lsm]
) -> None:
    with engine(tmp_path) as db:
        kept = db.snapshot()
        other = db.snapshot()
        assert db.stats()["open_snapshot_count"] == 2
        other.close()
        assert db.stats()["open_snapshot_count"] == 1
        assert db.stats()["open_scan_count"] == 0
        del kept
        gc.collect()
        assert db.stats()["open_snapshot_count"] == 0


@engines
def test_it_does_not_keep_a_dropped_store_open(
    tmp_path: Path, engine: type[Bitcask] | type[Lsm]
) -> None:
    stores = [engine(tmp_path)]
    stores[0][b"k"] = b"v"
    kept = stores[0].snapshot()
    with pytest.warns(ResourceWarning, match="left open"):
        stores.clear()
    with pytest.raises(ClosedError):
        kept.get(b"k")
    engine(tmp_path).close()
