"""Names, installed libraries and key counts."""

import pytest

from benches import engines


def test_the_dict_and_sqlite_are_always_there() -> None:
    assert engines.installed("dict")
    assert engines.installed("sqlite3")


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        engines.installed("nosuch")
    with pytest.raises(KeyError):
        engines.make_store("nosuch", 1, "bitcask")


def test_slow_engines_get_fewer_keys_and_never_more_than_asked_for() -> None:
    assert engines.key_count("sqlite3", 1_000_000) == 50_000
    assert engines.key_count("sqlite3", 1_000) == 1_000
    assert engines.key_count("lmdb", 1_000_000) == 1_000_000


def test_pykv_and_the_floor_are_no_peers() -> None:
    assert set(engines.ENGINES) - set(engines.PEERS) == {"pykv", "dict"}


def test_rows_apply_as_the_adapters_say() -> None:
    assert not engines.applies("dict", "put_synced")
    assert not engines.applies("plyvel", "get_many")
    assert engines.applies("pykv", "put_synced")
    assert not engines.applies("pykv", "seek")


def test_a_store_is_made_by_its_name() -> None:
    assert engines.make_store("sqlite3", 1 << 20, "bitcask").name == "sqlite3"
