"""What the extension takes of the storage that threads have for libraries loaded late."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from pykv._native import _core

PT_DYNAMIC, PT_TLS = 2, 7
DT_FLAGS, DF_STATIC_TLS = 30, 0x10


def segments(image: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield (type, offset, bytes in the file, bytes in memory) of each program header (ELF64)."""
    (table,) = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    for at in range(table, table + size * count, size):
        kind, _, offset, _, _, in_file, in_memory = struct.unpack_from("<IIQQQQQ", image, at)
        yield kind, offset, in_file, in_memory


def has_static_storage(image: bytes) -> bool:
    """Whether all thread-local variables of the library must come from the reserve."""
    for kind, offset, in_file, _ in segments(image):
        if kind == PT_DYNAMIC:
            entries = struct.iter_unpack("<QQ", image[offset : offset + in_file])
            return any(tag == DT_FLAGS and value & DF_STATIC_TLS for tag, value in entries)
    return False


def test_the_reserve_for_static_thread_storage_is_spared() -> None:
    """A process that had loaded five copies of libgomp could not import pykv.

    Two variables of four bytes are read by the static model, for speed. That made all
    thread-local bytes of the extension come from glibc's reserve, which is smaller than 2 KiB: also
    the last error of each thread, of 1,064 bytes.
    """
    image = Path(_core.__file__).read_bytes()
    if image[:5] != b"\x7fELF\x02":
        pytest.skip("the extension is no 64-bit ELF file")
    if not has_static_storage(image):
        pytest.skip("the extension takes nothing of the reserve")
    assert sum(in_memory for kind, _, _, in_memory in segments(image) if kind == PT_TLS) <= 64
