"""The examples of docs/format/table.md decode as the page says, by a reader written from it."""

from __future__ import annotations

import pytest
from tests.format.decode import VALID, crc32c, u32, u64
from tests.format.decode_table import (
    ANOTHER_FORMAT,
    DAMAGED,
    FOOTER_BYTES,
    HEADER_BYTES,
    ZSTD,
    Table,
    decode_table,
    may_contain,
    tag_of,
    unpacked,
)
from tests.format.decode_value_segment import (
    POINTER,
    are_refs,
    decode_value_segment,
    is_pointer,
    pointer_fields,
    refs_fields,
    value_behind,
)
from tests.format.examples import DOCUMENTS, Example, find_examples
from tests.format.table_layout import payload_layout, table_layout

ALL = find_examples(DOCUMENTS / "table.md")
EXAMPLES = [example for example in ALL if example.captions["format"] == "table"]
EXAMPLE, INGESTED, PACKED = EXAMPLES
(PAYLOAD,) = (example for example in ALL if example.captions["format"] == "data_block")
SEGMENT = decode_value_segment(find_examples(DOCUMENTS / "value_segment.md")[-1].data)
TABLE = decode_table(EXAMPLE.data)
ABOUT = {"format", "name", "result"}


def name_of(example: Example) -> str:
    """The name under which pytest reports an example."""
    return example.name


def fields_of(table: Table, file_crc: int) -> dict[str, int | str]:
    """Every field that the captions name; those of entry i end in _i."""
    fields: dict[str, int | str] = {
        "file_id": table.header["file_id"],
        "hash_seed_low": table.properties["hash_seed_low"],
        "hash_seed_high": table.properties["hash_seed_high"],
        "file_crc": file_crc,
    }
    for index, entry in enumerate(table.entries):
        fields[f"key_{index}"] = entry.key.decode()
        if entry.kind == POINTER:
            pointer = pointer_fields(entry.value)
            fields |= {f"{name}_{index}": number for name, number in pointer.items()}
        else:
            fields[f"value_{index}"] = entry.value.decode()
        fields[f"sequence_{index}"] = entry.sequence
        fields[f"kind_{index}"] = entry.kind
        if entry.body_crc:
            fields[f"body_crc_{index}"] = entry.body_crc
        if entry.deadline:
            fields[f"deadline_{index}"] = entry.deadline
    for index, ref in enumerate(refs_fields(table.attached)):
        fields |= {f"{name}_ref_{index}": ref[name] for name in ("number", "count", "bytes")}
    return fields


def changed(at: int, value: int) -> bytes:
    """The example with one byte changed, and the check of header, block and footer made right."""
    data = bytearray(EXAMPLE.data)
    data[at] = value
    file_id = bytes(data[16:24])
    data[28:32] = u32(crc32c(bytes(data[:28])))
    footer = TABLE.footer
    blocks = [(block.offset, block.size) for block in TABLE.blocks]
    blocks += [(footer[f"{n}_offset"], footer[f"{n}_size"]) for n in ("filter", "index")]
    blocks.append((footer["properties_offset"], footer["properties_size"]))
    for offset, size in blocks:
        covered = file_id + u64(offset) + bytes(data[offset : offset + size + 8])
        data[offset + size + 8 : offset + size + 12] = u32(crc32c(covered))
    start = len(data) - FOOTER_BYTES
    covered = file_id + u64(start) + bytes(data[start : start + 52])
    data[start + 52 : start + 56] = u32(crc32c(covered))
    return bytes(data)


def offset_of(name: str) -> int:
    """Where the named run of the example begins."""
    return next(offset for offset, _, run in EXAMPLE.layout if run == name)


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_an_example_decodes_as_its_captions_say(example: Example) -> None:
    """The result and every field, neither more nor fewer."""
    table = decode_table(example.data)
    assert table.result == example.captions["result"] == VALID, table.why
    fields = fields_of(table, crc32c(example.data))
    assert fields.keys() == example.captions.keys() - ABOUT
    for name, value in fields.items():
        wanted = example.captions[name] if isinstance(value, str) else example.number(name)
        assert value == wanted, name


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_the_rows_of_an_example_name_its_fields_where_they_stand(example: Example) -> None:
    """Each run of bytes has its row, with its name, offset and size."""
    at = 0
    runs = table_layout(decode_table(example.data))
    for (offset, size, name), wanted in zip(example.layout, runs, strict=True):
        assert (offset, (name, size)) == (at, wanted)
        at += size
    assert at == len(example.data)


def test_a_table_to_be_ingested_has_puts_alone_of_sequence_1() -> None:
    """As the page says of tables that are made outside of a store."""
    table = decode_table(INGESTED.data)
    assert {(entry.kind, entry.sequence) for entry in table.entries} == {(1, 1)}
    keys = [entry.key for entry in table.entries]
    assert keys == sorted(set(keys))
    assert (table.first_key, table.last_key) == (keys[0], keys[-1])
    assert table.attached == b""
    assert all(may_contain(table, key) for key in keys)
    assert all(entry.tag == tag_of(table, entry.key) for entry in table.entries)


def test_a_compressed_block_is_a_frame_with_the_payload_of_the_page() -> None:
    """The bytes of the frame, the layout of what is in it, and the codec in its trailer."""
    table = decode_table(PACKED.data)
    (block,) = table.blocks
    frame = PACKED.data[HEADER_BYTES : HEADER_BYTES + block.size]
    at = next(offset for offset, _, name in PACKED.layout if name == "codec_of_data_0")
    assert PACKED.data[at] == ZSTD
    assert PAYLOAD.captions["result"] == VALID
    assert unpacked(frame, block.raw_bytes) == PAYLOAD.data
    assert block.size < block.raw_bytes == len(PAYLOAD.data)
    assert [(name, size) for _, size, name in PAYLOAD.layout] == payload_layout(table, 0)


def test_the_pointers_of_a_table_lead_into_the_segments_that_it_refers_to() -> None:
    """To records of their keys, sequences and deadlines, whose values make up the references."""
    table = decode_table(PACKED.data)
    (ref,) = refs_fields(table.attached)
    assert are_refs([ref])
    pointers = [entry for entry in table.entries if entry.kind == POINTER]
    records = []
    for entry in pointers:
        pointer = pointer_fields(entry.value)
        assert is_pointer(pointer)
        assert pointer["number"] == ref["number"] == SEGMENT.header.numbers["number"]
        record = SEGMENT.records[pointer["offset"]]
        assert len(value_behind(record, pointer)) == pointer["value_bytes"]
        assert record.texts["key"] == entry.key
        assert record.numbers["sequence"] == entry.sequence
        assert record.numbers.get("deadline_us", 0) == entry.deadline
        records.append(record)
    assert ref["count"] == len(pointers)
    assert ref["bytes"] == sum(len(record.texts["value"]) for record in records)


def test_entries_rise_and_stand_in_the_block_that_the_index_names() -> None:
    """The order, the separators, tags, the filter, and what the properties add up."""
    entries = TABLE.entries
    positions = [entry.position for entry in entries]
    assert positions == sorted(set(positions))
    number = 0
    for block in TABLE.blocks:
        inside = positions[number : number + block.entry_count]
        number += block.entry_count
        assert inside[-1] <= block.separator
        assert not positions[number:] or block.separator < positions[number]
    for entry in entries:
        assert entry.tag == tag_of(TABLE, entry.key)
        assert may_contain(TABLE, entry.key)
    assert not may_contain(TABLE, b"cherry")
    says = TABLE.properties
    assert says["entry_count"] == len(entries)
    assert says["tombstone_count"] == sum(entry.kind == 2 for entry in entries)
    assert says["key_bytes"] == sum(len(entry.key) for entry in entries)
    assert says["value_bytes"] == sum(len(entry.value) for entry in entries)
    assert says["raw_bytes"] == sum(block.raw_bytes for block in TABLE.blocks)
    assert says["sequence_min"] == min(entry.sequence for entry in entries)
    assert says["sequence_max"] == max(entry.sequence for entry in entries)
    assert says["deadline_min"] == entries[0].deadline
    assert says["deadline_max"] == 0
    assert says["key_length_max"] == len("apricot")
    assert (TABLE.first_key, TABLE.last_key) == (entries[0].key, entries[-1].key)
    assert TABLE.filter_numbers["key_count"] == len({entry.key for entry in entries})


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_every_flipped_bit_of_an_example_is_noticed(example: Example) -> None:
    """What the page promises, tried for each bit."""
    for bit in range(8 * len(example.data)):
        damaged = bytearray(example.data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert decode_table(bytes(damaged)).result == DAMAGED, f"bit {bit}"


def test_a_table_cut_anywhere_or_longer_is_refused() -> None:
    """Its end is found from behind."""
    for size in range(len(EXAMPLE.data)):
        assert decode_table(EXAMPLE.data[:size]).result == DAMAGED, size
    assert decode_table(EXAMPLE.data + bytes(FOOTER_BYTES)).result == DAMAGED


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        ("format_version_header", 2, ANOTHER_FORMAT),
        ("unused_1_header", 1, DAMAGED),
        ("format_version_footer", 2, DAMAGED),
        ("filter_offset_footer", 0x98, DAMAGED),
        ("unused_footer", 1, DAMAGED),
        ("entry_count_data_0", 2, DAMAGED),
        ("sequence_width_data_0", 9, DAMAGED),
        ("check_width_data_0", 1, DAMAGED),
        ("kind_0", 0x10, DAMAGED),
        ("kind_0", 0x21, DAMAGED),
        ("shared_0", 1, DAMAGED),
        ("shared_1", 6, DAMAGED),
        ("suffix_length_2", 6, DAMAGED),
        ("value_length_3", 7, DAMAGED),
        ("kind_of_data_0", 2, DAMAGED),
        ("codec_of_data_0", 0, DAMAGED),
        ("unused_of_data_0", 1, DAMAGED),
        ("raw_bytes_of_data_0", 0x47, DAMAGED),
        ("line_count_filter", 2, DAMAGED),
        ("probe_count_filter", 17, DAMAGED),
        ("block_count_index", 3, DAMAGED),
        ("raw_bytes_0", 0x47, DAMAGED),
        ("shared_separator_0", 1, DAMAGED),
        ("shared_separator_1", 2, DAMAGED),
        ("last_key_length_properties", 7, DAMAGED),
        ("block_count_properties", 1, DAMAGED),
        ("tags_0", 0, VALID),
        ("value_0", ord("b"), VALID),
    ],
)
def test_a_field_out_of_range_is_refused_under_a_right_check(
    name: str, value: int, result: str
) -> None:
    """The rules of the page behind the checks; the last lines show that the checks were right."""
    assert decode_table(changed(offset_of(name), value)).result == result
