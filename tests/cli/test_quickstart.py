"""The quickstart passes on a small tree, and fails when anything differs."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import pykv
from pykv.cli import quickstart, quickstart_writer
from pykv.cli.failures import Exit
from pykv.cli.quickstart_report import QuickstartReport


@pytest.fixture(autouse=True)
def _quick_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quickstart_writer, "WRITING_SECONDS", 0.05)
    monkeypatch.setattr(quickstart_writer, "ACKNOWLEDGED_MIN", 50)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "deep").mkdir(parents=True)
    for number in range(30):
        (root / "deep" / f"{number}.txt").write_bytes(b"contents %d " % number * number)
    return root


def start(tree: Path, engine: str = "bitcask") -> Result:
    return CliRunner().invoke(quickstart.main, ["--dir", str(tree), "--engine", engine])


# What is told of every engine; and of those with order, and without it.
EVERYWHERE = (
    "30 files",
    "10 files",
    "30 keys unchanged while 20 were overwritten or deleted",
    "20 changes by another thread",
    "none is missing",
    "no damage",
    "keys compared equal",
    "a namespace of 20 keys in ",
    "2 versions, ",
)
ORDERED = ("and 2 prefix scans",)
UNORDERED = ("bytes of RAM a key",)


@pytest.mark.parametrize(("engine", "own"), [("bitcask", UNORDERED), ("lsm", ORDERED)])
def test_a_small_tree_passes_and_is_reported(tree: Path, engine: str, own: tuple[str, ...]) -> None:
    result = start(tree, engine)
    assert (result.exit_code, result.stderr) == (Exit.GOOD, "")
    for words in EVERYWHERE + own:
        assert words in result.stdout
    assert ("RAM" in result.stdout) == (own is UNORDERED)
    assert len(result.stdout.splitlines()) < 24


def test_it_fails_when_a_checkpoint_differs(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def harmed(db: pykv.Bitcask, path: Path) -> None:
        made(db, path)
        with pykv.open(path) as copy:
            copy.put(b"extra", b"")

    made = pykv.Bitcask.checkpoint
    monkeypatch.setattr(pykv.Bitcask, "checkpoint", harmed)
    result = start(tree)
    assert (result.exit_code, result.stdout) == (Exit.CORRUPTION, "")
    assert "b'extra' should not be there" in result.stderr


def test_it_fails_when_the_wrong_version_is_restored(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore = pykv.restore
    monkeypatch.setattr(pykv, "restore", lambda a, b, _c, **options: restore(a, b, 1, **options))
    result = start(tree, "lsm")
    assert (result.exit_code, result.stdout) == (Exit.CORRUPTION, "")
    assert "is not what was stored" in result.stderr


def test_it_fails_when_the_order_is_wrong(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pykv.Lsm, "first", pykv.Lsm.last)
    result = start(tree, "lsm")
    assert (result.exit_code, result.stdout) == (Exit.CORRUPTION, "")
    assert "the first and the last key are not" in result.stderr


def test_it_runs_as_a_module(tree: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "pykv.cli.quickstart", "--dir", str(tree)]
    ended = subprocess.run(command, capture_output=True, check=False, text=True)
    assert (ended.returncode, ended.stderr) == (Exit.GOOD, "")
    assert f"pykv quickstart: {tree} in lsm" in ended.stdout


def test_ctrl_c_ends_it_with_one_line_and_no_leftovers(tree: Path, tmp_path: Path) -> None:
    """Whatever it is doing: it must neither leave a database nor a writing child behind."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    command = [sys.executable, "-m", "pykv.cli.quickstart", "--dir", str(tree)]
    environment = os.environ | {"TMPDIR": str(folder)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as process:
        while not any(folder.glob("*/database/MANIFEST")):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        told = process.stderr.read()
        assert process.wait() == Exit.INTERRUPTED
    assert told.strip() == b"pykv: interrupted"
    assert list(folder.iterdir()) == []


def _after(name: str, monkeypatch: pytest.MonkeyPatch, harm: Callable[..., object]) -> None:
    """Lets harm(store) happen after the first step of this name, each time."""
    step = getattr(quickstart, name)

    def harmed(db: pykv.Store, *args: Any) -> object:
        result = step(db, *args)
        harm(db)
        return result

    monkeypatch.setattr(quickstart, name, harmed)


def _overwrite(db: pykv.Store) -> None:
    db[sorted(db.keys())[2]] = b"not what was stored"


@pytest.mark.parametrize(
    ("step", "harm", "words"),
    [
        ("store_tree", _overwrite, "is not what was stored"),
        ("store_tree", lambda db: db.pop(b"deep/5.txt"), "b'deep/5.txt' is missing"),
        ("store_tree", lambda db: db.put(b"extra", b""), "b'extra' should not be there"),
        ("overwrite_a_third", _overwrite, "is not in the feed as it was written"),
        ("delete_a_third", lambda db: db.put(b"deep/1.txt", b"x"), "b'deep/1.txt' is not in the"),
        ("change_two_thirds", _overwrite, "is not what was stored"),
        ("change_two_thirds", lambda db: db.put(b"deep/1.txt", b"x"), "should not be there"),
        ("merge", _overwrite, "child was acknowledged and is wrong"),
        ("verify", lambda db: db.clear(), " more"),
    ],
)
def test_it_fails_when_a_row_differs(
    tree: Path, monkeypatch: pytest.MonkeyPatch, step: str, harm: Callable[..., object], words: str
) -> None:
    _after(step, monkeypatch, harm)
    result = start(tree)
    assert (result.exit_code, result.stdout) == (Exit.CORRUPTION, "")
    assert result.stderr.startswith("pykv: it differs: ")
    assert words in result.stderr


def test_it_fails_when_an_acknowledged_write_is_missing(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill = quickstart_writer.kill_a_writer
    monkeypatch.setattr(quickstart_writer, "kill_a_writer", lambda *args: kill(*args) + 5)
    result = start(tree)
    assert result.exit_code == Exit.CORRUPTION
    assert "was acknowledged and is missing" in result.stderr


def test_it_fails_when_a_byte_on_disk_is_damaged(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damage(db: pykv.Store) -> None:
        assert db.path is not None
        db.flush()
        for log in db.path.glob("*.log"):
            data = bytearray(log.read_bytes())
            at = data.find(b"contents 2 contents 2")
            if at >= 0:
                data[at] ^= 1
                log.write_bytes(data)

    _after("store_tree", monkeypatch, damage)
    result = start(tree)
    assert result.exit_code == Exit.CORRUPTION
    assert result.stderr.count("\n") == 1


def test_files_that_are_too_large_or_unreadable_are_left_out(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quickstart, "FILE_BYTES_MAX", 100)
    report = QuickstartReport("", "memory")
    with pykv.open(engine="memory") as db:
        expected = quickstart.store_tree(db, tree, report)
    assert len(expected.files) + report.left_out_count == 30
    assert report.left_out_count > 10
    assert report.stored.file_count == len(expected.files)


def test_the_standard_library_is_taken_without_what_was_installed() -> None:
    files = quickstart.files_to_store(quickstart.STANDARD_LIBRARY)
    assert any(file.name == "argparse.py" for file in files)
    assert not any("site-packages" in file.parts for file in files)


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--engine", "lsn"], Exit.USAGE, "did you mean 'lsm'"),
        (["--engine", "memory"], Exit.USAGE, "end with the process"),
        (["--dir", "/does/not/exist"], Exit.USAGE, "does not exist"),
    ],
)
def test_what_cannot_be_done_is_one_line(args: list[str], code: Exit, words: str) -> None:
    result = CliRunner().invoke(quickstart.main, args)
    assert result.exit_code == code
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_empty_tree_is_refused(tmp_path: Path) -> None:
    result = start(tmp_path)
    assert result.exit_code == Exit.USAGE
    assert "holds no file to store" in result.stderr
