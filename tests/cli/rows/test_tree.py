"""Directories as rows."""

import os
from pathlib import Path

import pytest

from pykv.cli.rows.tree import KeyPathError, files_of, key_of, path_of, read_tree, write_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "b" / "c").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "a").write_bytes(b"1")
    (root / "b" / "c" / "d").write_bytes(b"2")
    (root / "link").symlink_to("a")
    (root / "loop").symlink_to(".")
    os.mkfifo(root / "pipe")
    return root


def test_regular_files_are_found_in_order(tree: Path) -> None:
    files = files_of(tree)
    assert [key_of(file, tree) for file in files] == [b"a", b"b/c/d"]
    assert list(read_tree(files, tree)) == [(b"a", b"1"), (b"b/c/d", b"2")]


def test_folders_of_a_name_may_be_left_out(tree: Path) -> None:
    assert [key_of(file, tree) for file in files_of(tree, without="c")] == [b"a"]


def test_names_of_any_bytes_come_back(tmp_path: Path) -> None:
    key = b"stra\xdfe/x"
    write_tree([(key, b"1")], tmp_path / "out")
    files = files_of(tmp_path / "out")
    assert [key_of(file, tmp_path / "out") for file in files] == [key]


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files_of(tmp_path / "none")


@pytest.mark.parametrize(
    "key", [b"", b"/a", b"a/", b"a//b", b".", b"a/../b", b"..", b"a\0", b"x" * 256]
)
def test_a_key_that_leads_elsewhere_is_refused(key: bytes) -> None:
    with pytest.raises(KeyPathError):
        path_of(key)


def test_a_key_that_is_both_a_file_and_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="a"):
        write_tree([(b"a", b"1"), (b"a/b", b"2")], tmp_path / "one")
    with pytest.raises(OSError, match="a"):
        write_tree([(b"a/b", b"1"), (b"a", b"2")], tmp_path / "two")
