"""The judge of the power cuts: what it lets pass, and every kind of loss that it must see."""

from tests.crash.power_cut_history import CLOSED, OPENED, REFUSED, TOLD, History
from tests.crash.process_rows import Rows, writer_of
from tests.crash.process_writes import Write, kinds_of, writes_of
from tests.engine.native_kinds import Kind

BEFORE: Rows = {b"0": b"old", b"1": b"old"}
OVERWRITE = Write("put", {b"0": b"new"})
BATCH = Write("batch", {b"2": b"batch", b"4": b"batch"}, (b"0",))
SYNC = Write("sync")
LAST = Write("put", {b"6": b"last"})


def history(*told: tuple[int, int], all_durable: bool = False, writers: int = 1) -> History:
    """What is known after told: (writer, number) pairs. Writer 0 overwrites, makes a batch, syncs;
    writer 1, where there is one, puts 1, 3 and 5."""
    lists = [[OVERWRITE, BATCH, SYNC, LAST]]
    lists += [[Write("put", {b"%d" % key: b"of 1"}) for key in (1, 3, 5)]] * (writers - 1)
    made = History([iter(each) for each in lists], all_durable)
    made.add(b"".join(TOLD.pack(*each) for each in told))
    return made


def after(*writes: Write) -> Rows:
    rows = dict(BEFORE)
    for write in writes:
        write.apply(rows)
    return rows


def test_a_prefix_of_what_was_not_synced_may_be_there() -> None:
    told = history((0, 0), (0, 1))
    for found in (BEFORE, after(OVERWRITE), after(OVERWRITE, BATCH)):
        assert told.fault(BEFORE, found) == ""
    assert told.lost(BEFORE, BEFORE) == 2
    assert told.lost(BEFORE, after(OVERWRITE, BATCH)) == 0


def test_the_write_under_way_may_be_there_and_no_other() -> None:
    assert history((0, 0)).fault(BEFORE, after(OVERWRITE, BATCH)) == ""
    assert "no state" in history().fault(BEFORE, after(OVERWRITE, BATCH))


def test_a_lost_synced_write_is_seen() -> None:
    assert "durable writes are lost" in history((0, 0), all_durable=True).fault(BEFORE, BEFORE)
    synced = history((0, 0), (0, 1), (0, 2))
    assert "durable writes are lost" in synced.fault(BEFORE, after(OVERWRITE))
    assert synced.fault(BEFORE, after(OVERWRITE, BATCH)) == ""


def test_half_a_batch_is_seen() -> None:
    found = after(OVERWRITE, BATCH)
    del found[b"4"]
    assert "no state" in history((0, 0), (0, 1)).fault(BEFORE, found)


def test_a_wrong_value_is_seen() -> None:
    found = after(OVERWRITE)
    found[b"1"] = b"ole"
    assert "another value" in history((0, 0)).fault(BEFORE, found)


def test_a_key_that_comes_back_is_seen() -> None:
    found = after(OVERWRITE, BATCH)
    found[b"0"] = b"old"
    assert "no state" in history((0, 0), (0, 1)).fault(BEFORE, found)


def test_a_hole_between_two_writers_is_seen() -> None:
    first, second = Write("put", {b"1": b"of 1"}), Write("put", {b"3": b"of 1"})
    told = history((0, 0), (1, 0), (1, 1), writers=2)
    assert told.fault(BEFORE, after(OVERWRITE, first, second)) == ""
    assert told.fault(BEFORE, after(first)) == "", "both first writes may have been under way"
    assert "a hole" in told.fault(BEFORE, after(first, second))


def test_a_sync_covers_what_other_writers_had_acknowledged_before_it() -> None:
    told = history((1, 0), (0, 0), (0, 1), (1, 1), (0, 2), writers=2)
    assert told.durable == [3, 1]


def test_a_close_makes_all_durable_and_leaves_nothing_under_way() -> None:
    told = history((0, OPENED), (0, 0), (0, CLOSED))
    assert told.opened
    assert told.fault(BEFORE, after(OVERWRITE)) == ""
    assert told.fault(BEFORE, BEFORE)
    assert told.fault(BEFORE, after(OVERWRITE, BATCH))


def test_a_refused_write_may_be_there_after_the_close() -> None:
    told = history((0, OPENED), (0, 0), (0, REFUSED), (0, CLOSED))
    assert told.fault(BEFORE, after(OVERWRITE)) == ""
    assert told.fault(BEFORE, after(OVERWRITE, BATCH)) == ""
    assert told.fault(BEFORE, BEFORE)


def test_a_sync_that_ran_during_the_cut_promises_nothing_and_a_later_one_does() -> None:
    told = history((0, 0), (0, 1))
    told.power_is_off = True
    told.add(TOLD.pack(0, 2))
    assert told.durable == [0]
    told = history((0, 0))
    told.power_is_off = True
    told.add(TOLD.pack(0, 1) + TOLD.pack(0, 2))
    assert told.durable == [3]


def test_a_close_that_began_after_the_cut_promises_all() -> None:
    told = history((0, 0), (0, 1))
    told.power_is_off = True
    told.add(TOLD.pack(0, CLOSED))
    assert told.durable == [0]
    told.add(TOLD.pack(0, REFUSED) + TOLD.pack(0, CLOSED))
    assert told.durable == [2]


def test_a_pin_is_known_with_what_its_writer_had_made() -> None:
    pin = Write("pin", {b"pin 0": b"77"})
    made = History([iter([OVERWRITE, pin, BATCH]), iter([Write("put", {b"1": b"new"})] * 2)], False)
    made.add(TOLD.pack(1, 0) + TOLD.pack(0, 0) + TOLD.pack(0, 1))
    (pinned,) = made.pinned(BEFORE).values()
    assert pinned.rows == {b"0": b"new", b"pin 0": b"77"}
    assert pinned.own(after(OVERWRITE, BATCH)) == {b"2": b"batch", b"4": b"batch"}
    assert made.durable == [2, 1], "who pins makes all before it durable"


def test_a_checkpoint_has_all_that_was_acknowledged_before_it_and_nothing_later() -> None:
    copy = Write("checkpoint", copy="copy-0-1")
    lists = [[OVERWRITE, copy, BATCH], [Write("put", {b"%d" % key: b"of 1"}) for key in (1, 3, 5)]]
    made = History([iter(each) for each in lists], False)
    made.add(TOLD.pack(1, 0) + TOLD.pack(0, 0) + TOLD.pack(0, 1) + TOLD.pack(1, 1))
    told = made.copies[0]
    assert (told.name, told.least, told.most) == ("copy-0-1", [1, 1], [3, 2])
    mine, other = after(OVERWRITE), {b"1": b"of 1"}
    for found in (mine | other, mine | other | {b"3": b"of 1"}):
        assert made.copy_fault(told, BEFORE, found) == ""
    for found in (BEFORE | other, mine, mine | other | {b"3": b"of 1", b"5": b"of 1"}):
        assert "copy-0-1 has no state of writer" in made.copy_fault(told, BEFORE, found)


def test_a_checkpoint_that_was_told_after_the_cut_is_not_known() -> None:
    made = History([iter([Write("checkpoint", copy="copy-0-0"), OVERWRITE])], False)
    made.power_is_off = True
    made.add(TOLD.pack(0, 0))
    assert made.copies == {}


def test_writers_keep_to_their_own_keys_and_repeat_themselves(kind: Kind) -> None:
    for writer in range(3):
        first, again = writes_of(kind, 7, writer, 3), writes_of(kind, 7, writer, 3)
        for _ in range(200):
            write = next(first)
            assert write == next(again)
            assert write.kind != "clear"
            assert write.kind != "delete_range" or write.space
            places = [*write.puts, *write.deletes, *filter(None, [write.space])]
            assert all(writer_of(place, 3) == writer for place in places)
    alone = writes_of(kind, 7)
    assert {next(alone).kind for _ in range(5_000)} == set(kinds_of(kind))
