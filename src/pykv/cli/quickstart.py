"""The main job on real input: stores a file tree, breaks off, comes back, and checks every byte.

    python -m pykv.cli.quickstart [--dir DIR] [--engine lsm]

Exits with 0 if every file was as it should be, with 3 if something differs, with 4 if it could not
be done.
"""

from __future__ import annotations

import sysconfig
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import click

import pykv
from pykv.cli import (
    quickstart_checkpoint,
    quickstart_feed,
    quickstart_namespace,
    quickstart_order,
    quickstart_snapshot,
    quickstart_writer,
)
from pykv.cli.app import EndsInOneLine
from pykv.cli.failures import Exit, Failure
from pykv.cli.opening import example
from pykv.cli.output import write_line
from pykv.cli.progress import progress_bar
from pykv.cli.quickstart_contents import (
    Contents,
    DifferenceError,
    Expected,
    check_all,
    fail_on,
    groups,
)
from pykv.cli.quickstart_report import QuickstartReport, Work
from pykv.cli.rows.tree import files_of, key_of

FILE_BYTES_MAX: Final = 1 << 30

STANDARD_LIBRARY: Final = Path(sysconfig.get_path("stdlib"))


def files_to_store(tree: Path) -> list[Path]:
    """The files below tree; of the standard library without what was installed beside it."""
    return files_of(tree, without="site-packages" if tree == STANDARD_LIBRARY else None)


def store_tree(db: pykv.Store, tree: Path, report: QuickstartReport) -> Expected:
    """Stores every file below tree, and returns what the store must then hold.

    Files that may not be read, or are larger than a value may be, are left out and counted.
    """
    expected = Expected({})
    work, files = report.stored, files_to_store(tree)
    with progress_bar("store", "files") as advance:
        for group in groups(files, lambda file: file.stat().st_size):
            rows = list(_read(group, tree))
            with work.timed():
                db.put_many(rows)
            for key, value in rows:
                expected.files[key] = Contents.of(value)
                work.count(value)
            report.left_out_count += len(group) - len(rows)
            advance(work.file_count, len(files))
    if not expected.files:
        raise Failure(f"{tree} holds no file to store: choose another --dir.", Exit.USAGE)
    return expected


def check_order(db: pykv.OrderedStore, expected: Expected) -> int:
    """Scans forwards, backwards and by prefix; returns the number of prefixes. DifferenceError."""
    keys = sorted(
        expected.files.keys() | quickstart_writer.child_keys(db, expected.acknowledged_count)
    )
    fail_on(quickstart_order.differences(db, keys))
    return len(quickstart_order.prefixes_of(keys))


def overwrite_a_third(db: pykv.Store, expected: Expected, work: Work) -> None:
    """Overwrites every third file with other contents, in batches."""
    files = expected.files
    keys = sorted(files)[::3]
    with progress_bar("overwrite", "files") as advance:
        for group in groups(keys, lambda key: files[key].byte_count):
            values = [_changed(old) for old in db.get_many(group, b"")]
            with work.timed(), db.batch() as batch:
                for key, value in zip(group, values, strict=True):
                    batch.put(key, value)
            for key, value in zip(group, values, strict=True):
                files[key] = Contents.of(value)
                work.count(value)
            advance(work.file_count, len(keys))


def _changed(value: bytes) -> bytes:
    return b"overwritten" + value[: len(value) // 2]


def delete_a_third(db: pykv.Store, expected: Expected) -> int:
    """Deletes every third file, none of those that were overwritten; returns how many."""
    keys = sorted(expected.files)[1::3]
    db.delete_many(keys)
    for key in keys:
        del expected.files[key]
    return len(keys)


def change_two_thirds(db: pykv.Store, expected: Expected, report: QuickstartReport) -> None:
    """Overwrites a third and deletes a third while a snapshot and a feed look on."""
    with ExitStack() as watching:
        if pykv.supports(db, "snapshot"):
            report.kept = watching.enter_context(quickstart_snapshot.kept(db, expected))
        if pykv.supports(db, "changes"):
            report.followed = watching.enter_context(quickstart_feed.followed(db, expected))
        overwrite_a_third(db, expected, report.overwritten)
        db.sync()
        report.deleted_count = delete_a_third(db, expected)


def merge(db: pykv.Store) -> float:
    """Gives dead bytes back; returns the seconds that took."""
    start = time.perf_counter()
    with progress_bar("merge", "bytes") as advance:
        db.compact(progress=advance)
    return time.perf_counter() - start


def verify(db: pykv.Store) -> int:
    """Checks every byte on disk; returns the number of records. DifferenceError."""
    with progress_bar("verify", "bytes") as advance:
        report = db.verify(progress=advance)
    if not report.ok:
        raise DifferenceError("; ".join(str(damage) for damage in report.damages))
    return report.record_count


def back_up_and_restore(
    db: pykv.DiskStore, directory: Path, expected: Expected, report: QuickstartReport
) -> None:
    """Makes a backup, changes rows, makes another, and restores both. DifferenceError."""
    repository = directory / "backups"
    moments = []
    for name in ("before", "after"):
        if name == "after":
            overwrite_a_third(db, expected, Work())
            delete_a_third(db, expected)
        with progress_bar("back up", "bytes") as advance:
            report.backups.append(db.backup(repository, advance))
        moments.append((directory / name, expected.copy()))
    damages = pykv.verify_backup(repository).damages
    if damages:
        raise DifferenceError("; ".join(str(damage) for damage in damages))
    for made, (path, wanted) in zip(report.backups, moments, strict=True):
        with progress_bar("restore", "bytes") as advance:
            pykv.restore(repository, path, made.version, progress=advance)
        with pykv.open(path, create=False) as restored:
            check_all(restored, wanted, Work())


def run(tree: Path, database: Path, engine: str) -> QuickstartReport:
    """Does all of it in the directory database, which must not exist. DifferenceError, Failure."""
    report = QuickstartReport(str(tree), engine)
    with pykv.open(database, engine=engine) as db:
        if not pykv.supports(db, "persistence"):
            raise Failure("the rows of this engine end with the process.", Exit.USAGE)
        expected = store_tree(db, tree, report)
        check_all(db, expected, report.read)
        change_two_thirds(db, expected, report)
        check_all(db, expected, Work())
    expected.acknowledged_count = quickstart_writer.kill_a_writer(database, engine)
    report.acknowledged_count = expected.acknowledged_count
    with _reopened(database) as (db, report.reopen_killed_seconds):
        check_all(db, expected, Work())
        if isinstance(db, pykv.OrderedStore):
            check_order(db, expected)
        report.disk_bytes_before = db.stats().get("disk_bytes")
        report.merge_seconds = merge(db)
        report.checked_record_count = verify(db)
        check_all(db, expected, Work())
    with _reopened(database) as (db, report.reopen_clean_seconds):
        check_all(db, expected, Work())
        if isinstance(db, pykv.OrderedStore):
            report.prefix_count = check_order(db, expected)
            report.ordered_key_count = len(db)
        report.stats = db.stats()
        if pykv.supports(db, "namespaces"):
            report.dropped = quickstart_namespace.fill_and_drop(db, expected)
        if isinstance(db, pykv.DiskStore) and pykv.supports(db, "checkpoint"):
            path = database.parent / "checkpoint"
            report.checkpoint = quickstart_checkpoint.make(db, path, expected)
            back_up_and_restore(db, database.parent, expected, report)
    return report


@contextmanager
def _reopened(database: Path) -> Iterator[tuple[pykv.Store, float]]:
    start = time.perf_counter()
    with pykv.open(database, create=False) as db:
        yield db, time.perf_counter() - start


def _read(files: Iterable[Path], tree: Path) -> Iterator[tuple[bytes, bytes]]:
    for file in files:
        with suppress(PermissionError):
            if file.stat().st_size <= FILE_BYTES_MAX:
                yield key_of(file, tree), file.read_bytes()


@click.command(
    "quickstart",
    cls=EndsInOneLine,
    epilog=example("  python -m pykv.cli.quickstart --dir /usr/share/doc"),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--dir",
    "tree",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=STANDARD_LIBRARY,
    show_default="the standard library of this Python",
    help="The file tree to store.",
)
@click.option("--engine", default="lsm", show_default=True, help="The engine to store it in.")
def main(tree: Path, engine: str) -> None:
    """Store a file tree in a temporary database, and see that nothing is ever lost.

    Every file is read back and compared. A third is overwritten, a third deleted, while a snapshot
    keeps its moment and a thread follows the changes. A writing process is killed; the database is
    reopened, merged, verified, and every file compared again. Engines with order are scanned
    forwards, backwards and below every directory. A namespace with a copy of every file is dropped.
    A checkpoint is opened, two versions are backed up and restored, and all are compared too.
    """
    with tempfile.TemporaryDirectory(prefix="pykv-quickstart-") as directory:
        report = run(tree, Path(directory) / "database", engine)
    for line in report.lines():
        write_line(line)


if __name__ == "__main__":
    main()
