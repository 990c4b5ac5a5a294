"""The C programs build without warnings and report what they promise."""

import subprocess
from pathlib import Path

import pytest

from benches import floors

WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wshadow",
    "-Wconversion",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Wvla",
    "-Wswitch-enum",
    "-Werror",
]
WAYS = {"raw growing", "raw fallocated", "raw zero-ahead", "raw recycled"}


@pytest.mark.parametrize("name", ["raw_log", "memory_floor"])
def test_the_programs_are_free_of_warnings(name: str, tmp_path: Path) -> None:
    cc = floors.compiler()
    assert cc is not None
    command = [cc, "-std=c11", "-D_GNU_SOURCE", "-O2", *WARNINGS]
    source = floors.SOURCES / f"{name}.c"
    subprocess.run([*command, str(source), "-o", str(tmp_path / name)], check=True)


def test_synced_appends_are_measured_in_four_ways(tmp_path: Path) -> None:
    samples = floors.raw_synced(tmp_path, 20)
    assert set(samples["put_synced"]) == WAYS
    assert all(microseconds > 0 for microseconds in samples["put_synced"].values())
    assert set(samples["device"]) in (WAYS, set())
    assert list(tmp_path.iterdir()) == []


def test_zero_ahead_goes_on_past_its_first_stretch(tmp_path: Path) -> None:
    """2,000 appends of 136 bytes need more than the 256 KiB that were zeroed at first."""
    program = floors.build("raw_log")
    done = subprocess.run(
        [str(program), "synced", str(tmp_path), "2000", "1"], check=True, capture_output=True
    )
    assert done.stdout.count(b"us") == 4


def test_synced_appends_may_be_of_any_size(tmp_path: Path) -> None:
    program = floors.build("raw_log")
    done = subprocess.run(
        [str(program), "synced", str(tmp_path), "20", "1", "4096"], check=True, capture_output=True
    )
    assert done.stdout.count(b"us") == 4


def test_unsynced_appends_are_measured_in_two_ways(tmp_path: Path) -> None:
    microseconds = floors.raw_unsynced(tmp_path, 10_000)
    assert set(microseconds) == {"pwrite", "mapped store"}
    assert microseconds["mapped store"] < microseconds["pwrite"]


def test_loads_that_wait_for_each_other_cost_more() -> None:
    nanoseconds = floors.memory()
    for size in ("10 MB", "160 MB"):
        chained, overlapped = (
            nanoseconds[f"load, {size}, chained"],
            nanoseconds[f"load, {size}, overlapped"],
        )
        assert chained > overlapped > 0


def test_bad_arguments_are_refused_by_name(tmp_path: Path) -> None:
    program = floors.build("raw_log")
    for arguments, text in (
        (["synced", str(tmp_path), "0", "1"], b"not a number"),
        (["synced", str(tmp_path), "12x", "1"], b"not a number"),
        (["synced", str(tmp_path), "1", "1", "65537"], b"not a number"),
        ([], b"usage"),
    ):
        done = subprocess.run([str(program), *arguments], check=False, capture_output=True)
        assert done.returncode == 2
        assert text in done.stderr


def test_a_place_that_cannot_be_written_is_an_unavailable_floor() -> None:
    with pytest.raises(floors.FloorUnavailableError, match="raw_log"):
        floors.raw_synced(Path("/proc/nowhere"), 10)


def test_without_a_compiler_the_floor_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setattr(floors, "PRODUCTS", tmp_path)
    with pytest.raises(floors.FloorUnavailableError, match="no C compiler"):
        floors.build("raw_log")
