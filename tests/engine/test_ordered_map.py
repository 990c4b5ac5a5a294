"""The ordered map: against a dict, old versions, invariants."""

import random

import pytest

from pykv.engine import ordered_map
from pykv.engine.ordered_map import OrderedMap


def filled(count: int) -> OrderedMap:
    result = OrderedMap()
    for number in range(count):
        result = result.set(b"%06d" % number, b"%d" % number)
    return result


def rows(of: OrderedMap, reverse: bool = False) -> list[tuple[bytes, bytes]]:
    return [row for run in of.slices(0, len(of), reverse) for row in run]


def check(of: OrderedMap, expected: dict[bytes, bytes]) -> None:
    assert list(of.faults()) == []
    assert len(of) == len(expected)
    assert rows(of) == sorted(expected.items())
    assert rows(of, reverse=True) == sorted(expected.items(), reverse=True)


@pytest.fixture(params=[4, 8, 64])
def _nodes_of(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small nodes make a deep tree of a few rows."""
    monkeypatch.setattr(ordered_map, "NODE_ENTRIES_MAX", request.param)
    monkeypatch.setattr(ordered_map, "NODE_ENTRIES_LOW", request.param // 4)


def depth(of: OrderedMap) -> int:
    node, levels = of._root, 1
    while isinstance(node, ordered_map._Inner):
        node, levels = node.entries[0], levels + 1
    return levels


def test_an_empty_map_has_no_rows() -> None:
    check(OrderedMap(), {})
    assert OrderedMap().get(b"") is None
    assert OrderedMap().remove(b"a").remove_range(b"", None).rank(b"a") == 0


@pytest.mark.usefixtures("_nodes_of")
@pytest.mark.parametrize("key_count", [50, 400, 5_000])
def test_random_changes_agree_with_a_dict(key_count: int, rng: random.Random) -> None:
    keys = [b"%05d" % number for number in range(key_count)] + [b""]
    tree, oracle = OrderedMap(), dict[bytes, bytes]()
    for step in range(6_000):
        key = rng.choice(keys)
        action = rng.random()
        # The balance of growing and shrinking swings, so that nodes split and join again.
        if action < (0.8 if step // 1_500 % 2 == 0 else 0.25):
            value = rng.randbytes(3)
            tree, oracle[key] = tree.set(key, value), value
        elif action < 0.995:
            tree = tree.remove(key)
            oracle.pop(key, None)
        else:
            stop = rng.choice([None, *keys[-20:]] if step % 10 == 0 else keys)
            tree = tree.remove_range(key, stop)
            for each in [k for k in oracle if k >= key and (stop is None or k < stop)]:
                del oracle[each]
        if step % 500 == 0:
            check(tree, oracle)
    check(tree, oracle)
    for key in keys:
        assert tree.get(key) == oracle.get(key)


def test_a_change_leaves_older_versions_as_they_were(rng: random.Random) -> None:
    versions = [(OrderedMap(), dict[bytes, bytes]())]
    for _ in range(300):
        tree, oracle = versions[-1]
        oracle = dict(oracle)
        for _ in range(10):
            key = b"%03d" % rng.randrange(400)
            if rng.random() < 0.7:
                tree, oracle[key] = tree.set(key, key), key
            else:
                tree = tree.remove(key)
                oracle.pop(key, None)
        versions.append((tree, oracle))
    for tree, oracle in versions:
        check(tree, oracle)


@pytest.mark.usefixtures("_nodes_of")
def test_any_range_can_be_removed() -> None:
    count = 3 * 64
    full = filled(count)
    everything = dict(rows(full))
    edges = [*range(0, count, 7), 32, count]
    for first in edges:
        for last in edges:
            start, stop = b"%06d" % first, b"%06d" % last
            left = {k: v for k, v in everything.items() if not start <= k < stop}
            check(full.remove_range(start, stop), left)


def test_ranks_and_slices_name_the_same_rows(rng: random.Random) -> None:
    tree = filled(10_000)
    everything = rows(tree)
    for _ in range(300):
        first, last = sorted(rng.choices(range(len(tree) + 1), k=2))
        run = [row for part in tree.slices(first, last) for row in part]
        back = [row for part in tree.slices(first, last, True) for row in part]
        assert run == everything[first:last]
        assert back == run[::-1]
        if run:
            assert tree.rank(run[0][0]) == first
            assert tree.rank(run[-1][0] + b"\0") == last


def test_slices_outside_the_map_are_an_index_error() -> None:
    for first, last in [(-1, 1), (2, 1), (0, 4)]:
        with pytest.raises(IndexError, match="in a map of 3"):
            filled(3).slices(first, last)


def test_removing_most_rows_leaves_few_nodes() -> None:
    tree = filled(20_000)
    for number in range(20_000):
        if number % 100:
            tree = tree.remove(b"%06d" % number)
    runs = list(tree.slices(0, len(tree)))
    assert len(tree) == 200
    assert len(runs) <= 2 * 200 // ordered_map.NODE_ENTRIES_LOW


@pytest.mark.usefixtures("_nodes_of")
def test_a_tree_grows_and_shrinks_by_whole_levels() -> None:
    tree = filled(3_000)
    deepest = depth(tree)
    assert deepest >= 3
    for number in range(2_999):
        tree = tree.remove(b"%06d" % number)
        assert depth(tree) <= deepest
    assert depth(tree) == 1
    assert depth(filled(3_000).remove_range(b"000002", None)) == 1


def test_a_change_of_nothing_gives_the_same_map() -> None:
    tree = filled(1_000)
    assert tree.remove(b"absent") is tree
    assert tree.remove_range(b"b", b"a") is tree
    assert tree.remove_range(b"x", None) is tree


def test_faults_are_found() -> None:
    leaf = ordered_map._Leaf
    inner = ordered_map._Inner
    low, high = leaf(((b"a", b""),)), leaf(((b"m", b""),))
    unsorted = leaf(((b"b", b""), (b"a", b"")))
    miscounted = inner((low, high), (b"b",))
    miscounted.count = 5
    broken: dict[str, ordered_map._Node] = {
        "do not ascend": unsorted,
        "outside the separators": inner((high, low), (b"b",)),
        "counts its rows wrongly": miscounted,
        "too many or too few separators": inner((low, high), ()),
        "is empty or too full": inner((low, leaf(())), (b"b",)),
    }
    for text, root in broken.items():
        assert any(text in fault for fault in OrderedMap(root).faults()), text
