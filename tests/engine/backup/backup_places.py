"""Databases with backups, what is restored of them, and death at any step."""

import os
from collections.abc import Callable
from pathlib import Path

import pykv
from tests.engine.native_kinds import Kind

PATIENCE = 400


def rows_at(path: Path) -> dict[bytes, bytes]:
    with pykv.open(path, create=False) as db:
        assert db.verify().ok
        return dict(db.items())


def restored(repository: Path, path: Path, version: int | None = None) -> dict[bytes, bytes]:
    pykv.restore(repository, path, version)
    return rows_at(path)


def fill(kind: Kind, path: Path, repository: Path) -> list[dict[bytes, bytes]]:
    """Three versions; returns their rows."""
    states = []
    with kind.open(path, **kind.lazy) as db:
        for number in range(3):
            db.put_many((b"%d %05d" % (number, each), bytes(500)) for each in range(2000))
            db.put(b"changed", b"%d" % number)
            states.append(dict(db.items()))
            db.backup(repository)
    return states


def dies_at(step: int, action: Callable[[], object]) -> bool:
    """Runs action in a process that dies at a step of writing; False: it ended before."""
    child = os.fork()
    if child == 0:
        left = step

        def counted(inner: Callable[..., object]) -> Callable[..., object]:
            def call(*args: object, **options: object) -> object:
                nonlocal left
                left -= 1
                if left == 0:
                    os._exit(7)
                return inner(*args, **options)

            return call

        for name in ("fsync", "mkdir", "unlink", "replace", "write"):
            setattr(os, name, counted(getattr(os, name)))
        try:
            action()
            os._exit(0)
        except BaseException:
            os._exit(9)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 7)
    return status == 7
