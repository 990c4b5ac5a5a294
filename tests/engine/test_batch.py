"""Operations, their chunks, and the buffered batch."""

from collections.abc import Iterator, Sequence

import pytest

from pykv.engine.batch import (
    CHUNK_BYTES_MAX,
    BufferedBatch,
    Delete,
    DeleteRange,
    Operation,
    Put,
    check_batch_bytes,
    chunks,
    deletes,
    one_batch,
    operation_bytes,
    puts,
)
from pykv.errors import BatchTooLargeError


def test_an_operation_counts_its_keys_and_values() -> None:
    assert operation_bytes(Put(b"key", b"value")) == 8
    assert operation_bytes(Delete(b"key")) == 3
    assert operation_bytes(DeleteRange(b"a", b"bc")) == 3
    assert operation_bytes(DeleteRange(b"a", None)) == 1


def test_pairs_become_puts_and_keys_deletes() -> None:
    assert list(puts([(b"k", bytearray(b"v"))])) == [Put(b"k", b"v")]
    assert list(deletes([bytearray(b"k")])) == [Delete(b"k")]


@pytest.mark.parametrize("item", [5, b"abc", (b"k",), None])
def test_what_is_no_pair_is_refused_with_a_hint(item: object) -> None:
    with pytest.raises(TypeError, match=r"not \w+: pass mapping.items\(\) for a mapping"):
        list(puts([item]))  # type: ignore[list-item]  # the wrong type is the point


def test_chunks_end_at_a_thousand_operations() -> None:
    sizes = [len(chunk) for chunk in chunks(Delete(b"%d" % n) for n in range(2_500))]
    assert sizes == [1_000, 1_000, 500]
    assert [len(chunk) for chunk in chunks([Delete(b"k")] * 1_000)] == [1_000]


def test_no_operations_are_one_empty_chunk() -> None:
    assert list(chunks([])) == [[]]


def test_chunks_stay_below_their_bytes_and_a_large_operation_comes_alone() -> None:
    small, large = Put(b"k", bytes(1 << 20)), Put(b"k", bytes(CHUNK_BYTES_MAX))
    sizes = [len(chunk) for chunk in chunks([small, small, large, large, small])]
    assert sizes == [2, 1, 1, 1]
    assert [len(chunk) for chunk in chunks([small] * 4, batch_bytes_max=2_200_000)] == [2, 2]


def test_chunks_are_given_before_the_iterable_goes_on() -> None:
    taken = 0

    def operations() -> Iterator[Operation]:
        nonlocal taken
        for number in range(3_000):
            taken += 1
            yield Delete(b"%d" % number)

    next(chunks(operations()))
    assert taken == 1_001


def test_one_batch_has_a_limit_but_for_a_single_operation() -> None:
    assert len(one_batch([Put(b"k", bytes(99))], 50)) == 1
    assert len(one_batch([Put(b"k", bytes(24))] * 2, 50)) == 2
    with pytest.raises(BatchTooLargeError, match="at most 50 bytes"):
        one_batch([Put(b"k", bytes(25))] * 2, 50)


def test_the_limit_of_a_batch_is_inclusive() -> None:
    check_batch_bytes(2, 50, 50)
    check_batch_bytes(1, 51, 50)
    with pytest.raises(BatchTooLargeError):
        check_batch_bytes(2, 51, 50)


def test_a_batch_hands_its_operations_over_once_and_in_order() -> None:
    written: list[tuple[Sequence[Operation], bool | None]] = []
    batch = BufferedBatch(
        lambda operations, sync: written.append((operations, sync)),
        lambda ttl: 0,
        lambda namespace: namespace,
        sync=True,
        batch_bytes_max=1_000,
        ordered=True,
    )
    with batch:
        batch.put(b"k", b"v")
        batch.delete_range(None, b"b")
        batch.delete(b"k")
        assert written == []
    assert written == [([Put(b"k", b"v"), DeleteRange(b"", b"b"), Delete(b"k")], True)]
