"""What a process of `make bench-scale` does."""

from pathlib import Path

import pytest

from benches.scale_child import Filler, Recorder, Report, Specification, chunks, run
from benches.scale_stores import RawStore


def spec(directory: Path, *, engine: str = "raw", seconds: float = 60.0) -> Specification:
    return Specification(engine, 3000, 300, 1, 16 << 20, str(directory), seconds)


def test_keys_and_values_are_the_same_each_time(tmp_path: Path) -> None:
    first = list(chunks(spec(tmp_path)))
    assert [len(keys) for keys, _ in first] == [300] * 10
    assert first == list(chunks(spec(tmp_path)))
    assert {len(key) for keys, _ in first for key in keys} == {16}


def test_percentiles_come_from_the_times_that_were_added() -> None:
    recorder = Recorder()
    recorder.add([1000] * 989 + [50_000] * 10)
    recorder.add([7_000_000])
    found = recorder.latencies()
    assert found.count == 1000
    assert found.p50 == pytest.approx(1.0, rel=0.01)
    assert found.p99 == pytest.approx(50.0, rel=0.01)
    assert found.max == pytest.approx(7000.0, rel=0.01)


def test_who_is_out_of_time_says_how_far_he_came(tmp_path: Path) -> None:
    report = run(spec(tmp_path, seconds=0.0))
    assert report.key_count == 300
    assert report.notes == ["out of time after 300 keys"]
    assert len(report.bin_rates) == 1


def test_a_control_group_is_entered(tmp_path: Path) -> None:
    group = tmp_path / "group"
    group.mkdir()
    asked = Specification("raw", 1000, 100, 1, 16 << 20, str(tmp_path), 9.0, str(group))
    assert run(asked).key_count == 1000
    assert (group / "cgroup.procs").read_text(encoding="ascii").isdigit()


def test_the_raw_writer_appends_each_put(tmp_path: Path) -> None:
    store = RawStore(0)
    store.open(tmp_path)
    filler = Filler(spec(tmp_path), Report("raw"), deadline=1e18)
    filler.fill(store)
    store.close()
    assert (tmp_path / "log").stat().st_size == 3000 * 116
    assert len(filler.shuffled()) == 3000
    with pytest.raises(NotImplementedError):
        store.getter()
