"""The two kinds of store: neighbours from scans, refusals without order."""

from pathlib import Path

import pytest

from pykv.engine.memory import Memory
from pykv.errors import ClosedError, NotSupportedError
from pykv.options import CommonOptions
from tests.contract.minimal_store import Minimal


def test_a_neighbour_may_be_a_key_of_the_greatest_length() -> None:
    longest = b"\xff" * 65_535
    with Memory() as store:
        store[longest] = b"v"
        assert store.floor(longest) == store.ceiling(longest) == (longest, b"v")


def test_a_refusal_names_the_argument_the_store_and_the_way_out(tmp_path: Path) -> None:
    with (
        Minimal(tmp_path, CommonOptions()) as store,
        pytest.raises(NotSupportedError, match=r"^prefix needs .* Minimal .*: scan all") as caught,
    ):
        store.scan(prefix=b"a")
    assert caught.value.path == tmp_path


def test_a_closed_store_is_closed_first_and_without_order_second(tmp_path: Path) -> None:
    store = Minimal(tmp_path, CommonOptions())
    store.close()
    with pytest.raises(ClosedError):
        store.first()
