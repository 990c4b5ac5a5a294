"""The feed over cffi: what an interrupt strikes is not lost."""

from pathlib import Path
from typing import Any

import pytest

from pykv._native import _plain_changes
from tests.native.fast_stores import ENGINES, open_over


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupt_while_a_chunk_is_read_loses_nothing(engine: str, tmp_path: Path) -> None:
    """The feed once went on behind the chunk, which nobody had seen."""
    made = _plain_changes.Changes._made
    strikes = iter([False, True, False, False, True, False])

    def struck(feed: Any, raw: Any) -> Any:
        if next(strikes):
            raise KeyboardInterrupt
        return made(feed, raw)

    seen = []
    with open_over("plain", tmp_path / "db", engine) as db, pytest.MonkeyPatch.context() as patch:
        db.put_many([(b"%d" % number, b"v") for number in range(4)], sync=True)
        patch.setattr(_plain_changes.Changes, "_made", struck)
        feed = db.changes()
        for _ in range(6):
            try:
                seen.append(next(feed).seq)
            except KeyboardInterrupt:
                continue
        assert list(feed) == []
    assert seen == [1, 2, 3, 4]
