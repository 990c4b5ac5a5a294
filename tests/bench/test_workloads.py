"""The data of the benches: seeded, absent where it says so, half compressible."""

import zlib
from collections import Counter

import pytest

from benches.workloads import (
    BATCH_PAIRS,
    GROUP_KEYS,
    KEY_BYTES,
    VALUE_BYTES,
    Workload,
    batches,
    groups,
    split,
)


def test_the_same_seed_gives_the_same_data() -> None:
    first, second = Workload(2_000, seed=7), Workload(2_000, seed=7)
    assert first.keys() == second.keys()
    assert first.values() == second.values()
    assert list(first.zipf_indices(500)) == list(second.zipf_indices(500))
    assert first.missing_keys(100) == second.missing_keys(100)


def test_another_seed_gives_other_keys() -> None:
    assert set(Workload(100, seed=1).keys()).isdisjoint(Workload(100, seed=2).keys())


def test_keys_are_distinct_and_of_one_length() -> None:
    keys = Workload(5_000).keys()
    assert len(set(keys)) == 5_000
    assert {len(key) for key in keys} == {KEY_BYTES}
    assert keys != sorted(keys)


def test_values_of_another_version_differ_everywhere() -> None:
    workload = Workload(1_000)
    pairs = zip(workload.values(), workload.values(version=1), strict=True)
    assert all(first != second for first, second in pairs)


def test_values_longer_than_a_chunk_of_rows_are_all_made() -> None:
    values = Workload(1).values(70_000)
    assert len(values) == 70_000
    assert {len(value) for value in values} == {VALUE_BYTES}


def test_about_half_of_a_value_can_be_compressed_away() -> None:
    block = b"".join(Workload(1_000).values())
    assert 0.45 < len(zlib.compress(block)) / len(block) < 0.60


def test_a_sample_uses_every_key_once_before_it_repeats() -> None:
    indices = list(Workload(1_000).sample_indices(1_500))
    assert len(indices) == 1_500
    assert sorted(indices[:1_000]) == list(range(1_000))
    assert indices[:1_000] != sorted(indices[:1_000])


def test_keys_at_positions_are_the_keys_there() -> None:
    workload = Workload(300)
    keys = workload.keys()
    indices = workload.sample_indices(300)
    assert workload.keys_at(indices) == [keys[index] for index in indices]


def test_zipfian_choices_favour_few_keys_that_are_not_the_first_ones() -> None:
    indices = [int(index) for index in Workload(10_000).zipf_indices(50_000)]
    counts = Counter(indices).most_common()
    assert all(0 <= index < 10_000 for index in indices)
    assert counts[0][1] > 50_000 * 0.08
    assert sum(count for _, count in counts[:100]) > 50_000 * 0.4
    assert [index for index, _ in counts[:5]] != [0, 1, 2, 3, 4]


def test_missing_keys_are_not_among_the_keys() -> None:
    workload = Workload(1_000)
    missing = workload.missing_keys(2_000)
    assert len(missing) == 2_000
    assert set(missing).isdisjoint(workload.keys())


def test_batches_hold_every_pair_in_order() -> None:
    workload = Workload(2_500)
    keys, values = workload.keys(), workload.values()
    made = batches(keys, values)
    assert [len(batch) for batch in made] == [BATCH_PAIRS, BATCH_PAIRS, 500]
    assert [key for batch in made for key, _ in batch] == keys
    assert [value for batch in made for _, value in batch] == values


def test_groups_are_full() -> None:
    made = groups(Workload(250).keys())
    assert [len(group) for group in made] == [GROUP_KEYS, GROUP_KEYS]


def test_split_cuts_into_equal_pieces() -> None:
    assert split(b"aabbcc", 2) == [b"aa", b"bb", b"cc"]


def test_a_workload_without_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Workload(0)
