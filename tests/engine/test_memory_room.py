"""How much memory a store believes to have for its files, in a control group that limits it."""

import subprocess
import sys
from pathlib import Path

import pytest

import pykv
from benches.memory_limit import memory_limit

LIMIT_BYTES = 96 << 20
VALUE_BYTES = 1 << 20
VALUES = 160
OPEN = """
import sys
import pykv
from benches.memory_limit import enter
enter(sys.argv[1])
with pykv.open(sys.argv[2], read_only=True) as db:
    print(db.stats()["hot_mode"])
"""


def hot_mode(group: str, path: Path) -> str:
    """What a process in the group says of a Bitcask that it opens."""
    command = [sys.executable, "-c", OPEN, group, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def test_a_store_larger_than_the_memory_of_its_group_is_not_read_by_mappings(
    tmp_path: Path,
) -> None:
    """Of the two versions of control groups only the second was asked. Below the first, a store of
    five times the limit was taken to fit into memory: each access to a page that was not there read
    as much around it as the device reads ahead, 8 MiB here, with the interpreter lock held."""
    path = tmp_path / "data"
    with pykv.open(path, engine="bitcask") as db:
        for number in range(VALUES):
            db.put(b"%d" % number, bytes(VALUE_BYTES))
    with memory_limit(LIMIT_BYTES) as limit:
        if not limit.group:
            pytest.skip(limit.missing)
        assert hot_mode(limit.group, path) == "False"
    assert hot_mode("", path) == "True"
