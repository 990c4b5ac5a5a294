"""The repository holds sources. Bytes that no one can read are small, few and in named places."""

from collections.abc import Iterator
from pathlib import Path

import house_files

TEXT_BYTES_MAX = 512 * 1024
# Where binary files may stand, and how large each may be.
BINARY_BYTES_MAX = {"tests/fuzz/corpus/": 64 * 1024, "tests/format/golden/": 256 * 1024}


def violations(path: Path, data: bytes) -> Iterator[str]:
    """Yield a violation if a file is too large, or binary where none may be."""
    name = path.as_posix()
    limit = next((n for folder, n in BINARY_BYTES_MAX.items() if name.startswith(folder)), None)
    if limit is not None and len(data) > limit:
        yield f"{path}: {len(data)} bytes, at most {limit} here"
    elif limit is None and not _is_text(data):
        yield f"{path}: binary; only {', '.join(BINARY_BYTES_MAX)} may hold such files"
    elif len(data) > TEXT_BYTES_MAX:
        yield f"{path}: {len(data)} bytes, at most {TEXT_BYTES_MAX}"


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def test_no_binary_blobs() -> None:
    paths = house_files.files()
    found = [v for p in paths for v in violations(p, (house_files.ROOT / p).read_bytes())]
    house_files.fail_on(found, "Sources are text; binary files have their places and limits.")


def test_a_blob_is_found() -> None:
    assert list(violations(Path("docs/picture.png"), b"\x89PNG\0"))
    assert list(violations(Path("docs/latin.md"), b"5 \xb5s"))
    assert list(violations(Path("tests/fuzz/corpus/record/x"), bytes(65 * 1024)))
    assert not list(violations(Path("tests/fuzz/corpus/record/x"), bytes(100)))
