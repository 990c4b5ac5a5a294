"""The examples of docs/format/backup.md decode as the page says, by a reader written from it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.format.decode import crc32c
from tests.format.examples import DOCUMENTS, find_examples

import pykv

PAGE = DOCUMENTS / "backup.md"


def read_version(data: bytes) -> dict[str, Any]:
    """The fields of a version."""
    head, _, body = data.partition(b"\n")
    assert re.fullmatch(rb"pykv-backup 1 [0-9a-f]{8}", head)
    assert int(head[-8:], 16) == crc32c(body)
    fields: dict[str, Any] = json.loads(body.decode("ascii"))
    return fields


def test_the_mark_has_a_title_a_format_and_a_check() -> None:
    (example,) = find_examples(PAGE)
    runs = {name: example.data[at : at + size] for at, size, name in example.layout}
    assert runs["title"] == b"pykv backup repository\n"
    assert int(runs["format_version"]) == example.number("format_version")
    assert int(runs["check"], 16) == example.number("check")
    assert example.number("check") == crc32c(runs["title"] + runs["format_version"])


def test_the_version_of_the_page_is_whole() -> None:
    found = re.search(r"^```text\n(.*?)^```", PAGE.read_text("ascii"), re.MULTILINE | re.DOTALL)
    assert found is not None
    fields = read_version(found[1].encode("ascii"))
    assert fields["version"] == 7
    assert fields["files"][-1]["name"] == "MANIFEST"
    for file in fields["files"]:
        store, stem, _, length, rest = file["stored"].split("-")
        assert int(store, 16) == fields["store_id"]
        assert stem == file["name"].removesuffix(".tbl")
        assert (int(length, 16), int(rest[:8], 16)) == (file["length"], file["crc32c"])


def test_a_repository_that_was_written_is_as_the_page_says(tmp_path: Path) -> None:
    with pykv.open(tmp_path / "db", engine="lsm") as db:
        db.put(b"key", b"value")
        db.backup(tmp_path / "repository")
    (example,) = find_examples(PAGE)
    assert (tmp_path / "repository" / "REPOSITORY").read_bytes() == example.data
    fields = read_version((tmp_path / "repository" / "versions" / "00000001").read_bytes())
    for file in fields["files"]:
        data = (tmp_path / "repository" / "files" / file["stored"]).read_bytes()
        assert (len(data), crc32c(data)) == (file["length"], file["crc32c"])
    table = next(each for each in fields["files"] if each["name"].endswith(".tbl"))
    data = (tmp_path / "repository" / "files" / table["stored"]).read_bytes()
    assert int(table["stored"].split("-")[2], 16) == int.from_bytes(data[16:24], "little")
