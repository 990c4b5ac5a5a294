"""Rules of the store machine that put with a deadline, by conditions or many, or read into room."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.model.condition_steps import CONDITIONS
from tests.model.expiry_steps import AT_ONCE, LATE, PUTS, wait_for_expiry
from tests.model.machine import Machine
from tests.model.room_steps import got_in_room, scanned_in_room
from tests.model.strategies import KEYS, VALUES

ROOMS = st.sampled_from([0, 5_000, 1 << 20])


class ConditionRules(Machine):
    @rule(
        make=st.sampled_from(CONDITIONS),
        key=KEYS,
        value=VALUES,
        ttl=st.sampled_from([None, LATE, AT_ONCE]),
    )
    def put_on_condition(self, make: object, key: bytes, value: bytes, ttl: float | None) -> None:
        assert callable(make)
        _, on_store, on_oracle = make(key, value, ttl if self.has("ttl") else None)
        assert on_store(self.store) == on_oracle(self.oracle)

    @precondition(lambda self: self.has("ttl"))
    @rule(
        how=st.sampled_from(list(PUTS)),
        rows=st.dictionaries(KEYS, VALUES, max_size=20),
        passes=st.booleans(),
    )
    def put_rows_expiring(self, how: str, rows: dict[bytes, bytes], passes: bool) -> None:
        PUTS[how](self.store, rows, AT_ONCE if passes else LATE)
        if passes:
            wait_for_expiry(self.store, list(rows))
            self.oracle.delete_many(rows)
        else:
            self.oracle.rows.update(rows)

    @rule(keys=st.lists(KEYS, max_size=12), data_bytes=ROOMS)
    def get_in_room(self, keys: list[bytes], data_bytes: int) -> None:
        expected = [self.oracle.rows.get(key) for key in [*keys, *keys[::-1]]]
        assert got_in_room(self.store, keys, data_bytes) == expected

    @rule(row_count=st.sampled_from([1, 5, 100]), spare=ROOMS)
    def scan_in_room(self, row_count: int, spare: int) -> None:
        assert sorted(scanned_in_room(self.store, row_count, spare)) == self.oracle.scan()
