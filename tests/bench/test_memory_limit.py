"""The control group that limits memory in `make bench-scale`."""

import subprocess
import sys
from pathlib import Path

from benches.memory_limit import memory_limit

LIMIT_BYTES = 96 << 20
HOARD = """
import sys
from benches.memory_limit import enter
enter(sys.argv[1])
hoard = bytearray(int(sys.argv[2]))
hoard[::4096] = b"x" * len(hoard[::4096])
"""


def hoard(group: str, count: int) -> int:
    """The exit code of a process that enters the group and uses so many bytes."""
    command = [sys.executable, "-c", HOARD, group, str(count)]
    return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode


def test_a_process_in_the_group_has_that_much_memory_or_the_reason_is_told() -> None:
    with memory_limit(LIMIT_BYTES) as limit:
        if limit.group:
            assert hoard(limit.group, LIMIT_BYTES // 4) == 0
            assert hoard(limit.group, LIMIT_BYTES * 2) == -9
        assert bool(limit.group) != bool(limit.missing)
    assert not limit.group or not Path(limit.group).exists()


def test_no_group_is_entered_where_there_is_none() -> None:
    assert hoard("", 1) == 0


def proc(directory: Path, mounts: str, groups: str) -> Path:
    """What the kernel says of mounts and groups."""
    (directory / "mounts").write_text(f"{mounts}\n", encoding="utf-8")
    (directory / "cgroup").write_text(f"{groups}\n", encoding="utf-8")
    return directory


def test_without_groups_of_memory_that_is_the_reason(tmp_path: Path) -> None:
    with memory_limit(1, proc(tmp_path, "cgroup /sys/cpu cgroup rw,cpu 0 0", "1:cpu:/")) as limit:
        assert limit.missing == "no control groups of memory are mounted"


def test_a_group_that_takes_no_limit_is_removed_and_named(tmp_path: Path) -> None:
    for kind, groups in (("cgroup2 rw", "0::/a/b"), ("cgroup rw,memory", "7:memory:/a/b")):
        point = tmp_path / kind.replace(" rw", "-tree")
        (point / "a" / "b").mkdir(parents=True)
        with memory_limit(1, proc(tmp_path, f"none {point} {kind} 0 0", groups)) as limit:
            assert limit.group == ""
            assert limit.missing.startswith(f"{point}/a/b: No such file or directory")
        assert not list((point / "a" / "b").iterdir())


def test_the_mount_is_tried_where_the_path_is_that_of_another_tree(tmp_path: Path) -> None:
    seen = proc(tmp_path, f"none {tmp_path} cgroup rw,memory 0 0", "7:memory:/docker/1")
    with memory_limit(1, seen) as limit:
        assert limit.missing == f"{tmp_path}: No such file or directory"
