"""Facts about the machine."""

import re
from pathlib import Path

from benches import machine


def test_the_description_has_what_the_output_prints(tmp_path: Path) -> None:
    facts = machine.describe(tmp_path)
    assert facts["cpu"]
    assert int(facts["cores"]) >= 1
    assert facts["python"].split()[1].count(".") == 2
    assert set(facts) >= {"memory", "system", "file system", "commit", "load at start"}


def test_the_kernel_version_is_numbers_only() -> None:
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)*", machine.kernel_version())


def test_proc_is_found_among_the_mounts() -> None:
    assert machine.file_system(Path("/proc")) == "proc"


def test_the_device_counter_rises_with_synced_writes_or_is_unknown(tmp_path: Path) -> None:
    before = machine.device_written_bytes(tmp_path)
    if before is None:
        assert machine.file_system(tmp_path) != "ext4"
        return
    import os

    with (tmp_path / "file").open("wb") as file:
        file.write(b"x" * (1 << 20))
        file.flush()
        os.fsync(file.fileno())
    after = machine.device_written_bytes(tmp_path)
    assert after is not None
    assert after - before >= 1 << 20


def test_a_place_without_a_device_has_no_counter() -> None:
    assert machine.device_written_bytes(Path("/proc")) is None
