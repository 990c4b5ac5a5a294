"""The writing child of the quickstart, and its death.

The child puts numbered rows one by one and writes each number to a pipe when `put` has returned.
The parent kills it with SIGKILL in the middle and knows which rows were acknowledged.

    python -m pykv.cli.quickstart_writer DATABASE ENGINE PIPE
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import pykv
from pykv.cli.failures import Failure

ACKNOWLEDGED_MIN: Final = 1_000
WRITING_SECONDS: Final = 0.3
SECONDS_MAX: Final = 60.0
READ_BYTES: Final = 1 << 16
NUMBER_BYTES: Final = 8
VALUE_BYTES_MAX: Final = 4_096
# No path holds a null byte, so that these keys are never those of a file.
_PREFIX: Final = b"\0child/"


class WriterError(Failure):
    """The child ended by itself, or was too slow."""


def child_key(number: int) -> bytes:
    """The key of the child's write with this number, from 0."""
    return _PREFIX + b"%d" % number


def child_value(number: int) -> bytes:
    """Its value: bytes and a length that follow from the number."""
    digest = hashlib.sha256(b"%d" % number).digest()
    length = int.from_bytes(digest[:4], "little") % VALUE_BYTES_MAX
    return (digest * (length // len(digest) + 1))[:length]


def write_for_ever(database: Path, engine: str, pipe: int) -> None:
    """Puts the rows 0, 1, 2 ... and writes each number to pipe once it is acknowledged."""
    with pykv.open(database, engine=engine, create=False) as db:
        number = 0
        while True:
            db.put(child_key(number), child_value(number))
            os.write(pipe, number.to_bytes(NUMBER_BYTES, "little"))
            number += 1


def kill_a_writer(database: Path, engine: str) -> int:
    """Starts a child that writes to the closed store, and kills it in the middle of a write.

    Returns how many writes it acknowledged, at least ACKNOWLEDGED_MIN. WriterError.
    """
    reading, writing = os.pipe()
    module = "pykv.cli.quickstart_writer"
    command = [sys.executable, "-m", module, str(database), engine, str(writing)]
    with os.fdopen(reading, "rb") as pipe:
        try:
            # A session of its own: Ctrl-C is for the parent, which then kills the child.
            child = subprocess.Popen(command, pass_fds=[writing], start_new_session=True)
        finally:
            os.close(writing)
        try:
            first = _read_for_a_while(pipe.fileno())
        finally:
            child.kill()
            child.wait()
        # What stands in the pipe was acknowledged before the child died.
        told = first + pipe.read()
    return _last_number(told) + 1


def _read_for_a_while(pipe: int) -> bytes:
    """Reads for WRITING_SECONDS from the first write on, and ACKNOWLEDGED_MIN writes at least."""
    give_up = time.monotonic() + SECONDS_MAX
    told = os.read(pipe, READ_BYTES)
    enough = time.monotonic() + WRITING_SECONDS
    while len(told) < ACKNOWLEDGED_MIN * NUMBER_BYTES or time.monotonic() < enough:
        more = os.read(pipe, READ_BYTES)
        if not more:
            raise WriterError("the writing child ended by itself: its message is above")
        if time.monotonic() > give_up:
            raise WriterError(f"the writing child did too little in {SECONDS_MAX:.0f} seconds")
        told += more
    return told


def _last_number(told: bytes) -> int:
    """The last whole number of the pipe, whose numbers count up from 0."""
    count = len(told) // NUMBER_BYTES
    last = told[(count - 1) * NUMBER_BYTES : count * NUMBER_BYTES]
    number = int.from_bytes(last, "little")
    if number != count - 1:
        raise WriterError(f"the pipe holds {count} numbers and ends with {number}")
    return number


def differences(db: pykv.Reader, acknowledged_count: int) -> list[str]:
    """What is wrong with the rows of a child that was killed: a line for each fault.

    Every acknowledged row must be there. Of the others only the next one may be, whole.
    """
    found = []
    for number in range(acknowledged_count):
        value = db.get(child_key(number))
        if value != child_value(number):
            state = "missing" if value is None else "wrong"
            found.append(f"write {number:,} of the child was acknowledged and is {state}")
    unknown = db.get(child_key(acknowledged_count))
    if unknown not in (None, child_value(acknowledged_count)):
        found.append(f"write {acknowledged_count:,} of the child is torn")
    return found


def child_keys(db: pykv.Reader, acknowledged_count: int) -> set[bytes]:
    """The keys that the child may have left behind."""
    last = child_key(acknowledged_count)
    keys = {child_key(number) for number in range(acknowledged_count)}
    return keys | {last} if last in db else keys


if __name__ == "__main__":
    with suppress(BrokenPipeError):  # The parent is gone.
        write_for_ever(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
