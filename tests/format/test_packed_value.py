"""The example of docs/format/packed_value.md decodes as the page says."""

from __future__ import annotations

import zstandard
from tests.format.examples import DOCUMENTS, find_examples

(EXAMPLE,) = find_examples(DOCUMENTS / "packed_value.md")
HEAD_BYTES = 4


def test_the_example_has_the_two_fields() -> None:
    frame_bytes = len(EXAMPLE.data) - HEAD_BYTES
    assert EXAMPLE.layout == [(0, HEAD_BYTES, "plain_length"), (4, frame_bytes, "frame")]
    plain_length = int.from_bytes(EXAMPLE.data[:HEAD_BYTES], "little")
    assert plain_length == EXAMPLE.number("plain_length")


def test_the_frame_is_of_zstd_and_tells_the_length_too() -> None:
    frame = EXAMPLE.data[HEAD_BYTES:]
    assert zstandard.frame_content_size(frame) == EXAMPLE.number("plain_length")
    assert not zstandard.get_frame_parameters(frame).has_checksum
    assert zstandard.ZstdDecompressor().decompress(frame) == b"pykv " * 16


def test_the_value_is_worth_packing() -> None:
    plain_length = EXAMPLE.number("plain_length")
    codec_bytes = 4
    assert len(EXAMPLE.data) + codec_bytes <= plain_length - plain_length // 8
