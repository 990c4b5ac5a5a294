"""Options by keyword: what an unknown one is told."""

import pytest

import pykv


@pytest.mark.parametrize(
    ("engine", "name", "words"),
    [
        ("lsm", "segment_bytes", "it is one of engine 'bitcask'"),
        ("bitcask", "memtable_bytes", "it is one of engine 'lsm'"),
        ("lsm", "map_size", "files grow by themselves"),
        ("bitcask", "create_if_missing", "unless create=False"),
        ("lsm", "memtable_byte", "did you mean 'memtable_bytes'"),
    ],
)
def test_an_option_that_the_engine_has_not_says_where_it_is(
    engine: str, name: str, words: str
) -> None:
    with pytest.raises(TypeError, match=f"engine '{engine}' has no option '{name}': .*{words}"):
        pykv.open("nowhere", engine=engine, **{name: 1})
