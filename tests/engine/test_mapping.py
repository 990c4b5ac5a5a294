"""The base of all stores: what an engine must supply, and what the base makes of it."""

from pathlib import Path

import pytest

from pykv.engine.mapping import StoreBase
from pykv.engine.memory import Memory
from pykv.errors import StoreFailedError
from pykv.options import CommonOptions
from tests.contract.minimal_store import Minimal


def test_an_engine_without_its_primitives_cannot_be_made() -> None:
    class Half(StoreBase):
        def clear(self) -> None:
            pass

    with pytest.raises(TypeError, match=r"abstract.*_write"):
        Half()  # type: ignore[abstract]  # the missing methods are the point


def test_the_base_has_no_state_of_its_own() -> None:
    assert StoreBase.__slots__ == ()
    with Memory() as store:
        assert not hasattr(store, "__dict__")


def test_a_store_whose_constructor_failed_does_not_warn(tmp_path: Path) -> None:
    # Its finalizer finds nothing to close: a warning would be an error here.
    with pytest.raises(FileNotFoundError):
        Minimal(tmp_path / "absent", CommonOptions(create=False))


def test_the_error_of_a_block_is_not_hidden_by_a_store_that_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def close_failed(self: Memory, timeout: float | None = None) -> None:
        raise StoreFailedError("closed after a failure")

    store = Memory()
    with monkeypatch.context() as patch:
        patch.setattr(Memory, "close", close_failed)
        with pytest.raises(ZeroDivisionError), store:
            1 / 0  # noqa: B018  (the error is the point)
        with pytest.raises(StoreFailedError), store:
            pass
    store.close()


def test_pop_tries_again_when_another_writer_was_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    with Memory() as store:
        store[b"k"] = b"old"
        get = Memory._get

        def get_then_lose(self: Memory, key: bytes) -> bytes | None:
            value = get(self, key)
            if value == b"old":
                self.put(key, b"new")
            return value

        monkeypatch.setattr(Memory, "_get", get_then_lose)
        assert store.pop(b"k") == b"new"
        assert b"k" not in store


def test_setdefault_gives_the_value_of_a_faster_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    with Memory() as store:
        get = Memory._get
        first = True

        def get_then_lose(self: Memory, key: bytes) -> bytes | None:
            nonlocal first
            value = get(self, key)
            if first:
                first = False
                self.put(key, b"faster")
            return value

        monkeypatch.setattr(Memory, "_get", get_then_lose)
        assert store.setdefault(b"k", b"slower") == b"faster"
