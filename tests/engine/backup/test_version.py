"""The file of a version tells whether it is whole."""

from dataclasses import replace
from pathlib import Path

import pytest

from pykv.engine.backup.version import Listed, StoredFile, decode, encode
from pykv.errors import CorruptionError, FormatError
from pykv.store import BackupVersion

PATH = Path("versions/00000007")
LISTED = Listed(
    BackupVersion(7, 1764000000.25, "lsm", 2**64 - 1, 1, 384, 384),
    (StoredFile("MANIFEST", "0-MANIFEST-7-180-90abcdef.file", 384, 0x90ABCDEF),),
)


def test_what_is_written_is_read() -> None:
    assert decode(encode(LISTED), PATH) == LISTED


def test_every_flipped_bit_and_every_cut_is_found() -> None:
    data = encode(LISTED)
    for at in range(len(data)):
        flipped = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        for damaged in (flipped, data[:at]):
            with pytest.raises((CorruptionError, FormatError)):
                decode(damaged, PATH)


def test_a_newer_format_is_refused_by_name() -> None:
    with pytest.raises(FormatError, match="format 2"):
        decode(encode(LISTED).replace(b"backup 1", b"backup 2"), PATH)


def test_a_name_that_is_a_path_is_refused() -> None:
    for name in ("../MANIFEST", "/etc/passwd", "..", ""):
        for file in (replace(LISTED.files[0], name=name), replace(LISTED.files[0], stored=name)):
            with pytest.raises(CorruptionError, match="cannot be read"):
                decode(encode(replace(LISTED, files=(file,))), PATH)
