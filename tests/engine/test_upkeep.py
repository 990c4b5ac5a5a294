"""What a store without files of ours says about them."""

import inspect
from pathlib import Path

import pytest

from pykv.engine.memory import Memory
from pykv.engine.upkeep import UpkeepBase
from pykv.errors import NotSupportedError
from pykv.store import DiskStore


def test_a_refusal_names_the_class_and_what_does_it(tmp_path: Path) -> None:
    with Memory() as store:
        with pytest.raises(NotSupportedError, match=r"Memory makes no checkpoints: pykv\.convert"):
            store.checkpoint(tmp_path / "copy")
        with pytest.raises(NotSupportedError, match="Memory takes no tables: put_many"):
            store.ingest([])


@pytest.mark.parametrize("name", ["checkpoint", "backup"])
def test_what_is_refused_takes_what_the_protocol_says(name: str) -> None:
    base, protocol = (inspect.signature(getattr(each, name)) for each in (UpkeepBase, DiskStore))
    assert base == protocol
