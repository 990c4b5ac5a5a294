"""Real processes for tests: forked children, programs, a small file system.

A child made by fork has a time limit, after which the kernel ends it, and says by its exit code
whether its work returned.
"""

import os
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CHILD_SECONDS = 120


def fork(work: Callable[[], object]) -> int:
    """The process id of a child that does work and exits: with 0 where it returned, else with 1."""
    with warnings.catch_warnings():
        # CPython >= 3.12 warns of a fork with threads, which some tests are about.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child != 0:
        return child
    code = 1
    try:
        signal.alarm(CHILD_SECONDS)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def wait_for(child: int) -> int:
    """The exit code of a child, or the negative number of the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def in_child(work: Callable[[], object]) -> int:
    """Forks a child for work and waits for it."""
    return wait_for(fork(work))


def run_program(
    code: str, *arguments: object, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Runs code in a fresh interpreter that shows every warning; arguments stand in sys.argv."""
    command = [sys.executable, "-W", "default", "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Waits until condition holds; fails the test where it does not within seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


@contextmanager
def mounted(place: Path, *arguments: str) -> Iterator[bool]:
    """Mounts a file system on place, made for it; False where this process may not."""
    place.mkdir()
    command = ["mount", *arguments, str(place)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        yield False
        return
    if done.returncode != 0:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "--lazy", str(place)], capture_output=True, check=True)
