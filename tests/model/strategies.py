"""What Hypothesis draws for the store machine: keys, values, writes and moves."""

from hypothesis import strategies as st

from tests.model.oracle import Move

# Few and short keys, so that rules meet again; some that sort next to each other or at an end.
KEYS = st.one_of(
    st.binary(max_size=1),
    st.sampled_from([b"a", b"a\0", b"ab", b"a\xff", b"b", b"\xff", b"\xff\xff", b"k" * 300]),
    st.integers(0, 40).map(lambda number: b"%03d" % number),
)
VALUES = st.one_of(st.binary(max_size=3), st.sampled_from([b"", b"v" * 5_000]))
BOUNDS = st.one_of(st.none(), KEYS)
ITEMS = st.lists(st.tuples(KEYS, VALUES), max_size=20)
# Of a batch: a put, a delete, and a range delete for stores with an order.
OPERATION = st.one_of(
    st.tuples(st.just("put"), KEYS, VALUES),
    st.tuples(st.just("delete"), KEYS, st.none()),
    st.tuples(st.just("delete_range"), BOUNDS, BOUNDS),
)
SOUGHT = [b"", b"\x01", b"010", b"025", b"a\0", b"aa", b"k", b"\xff", b"\xff\xff\xff"]
MOVES: list[Move] = [
    *[("next",), ("prev",)] * 3,
    ("first",),
    ("last",),
    *[(move, key) for move in ("seek", "seek_back") for key in SOUGHT],
]
SYNCS = st.sampled_from([None, None, False, True])
