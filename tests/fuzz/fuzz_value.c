/*
 * fuzz_value: what stands for values: lists of references to value segments, pointers into them,
 * packed values, and a value segment, on arbitrary bytes.
 *
 * Input: a byte that says what it is (1 references, 2 a pointer, 3 a packed value, 4 one that was
 * packed with a dictionary, 5 a value segment; others: nothing), a byte of its own, then the bytes.
 * The byte of 4 is the length of the dictionary, which comes first; that of 5 repairs: 1 makes
 * header and records right. The codec is that of codec_runs.h.
 *
 * Promises: the status is PYKV_OK or PYKV_CORRUPTION (5: PYKV_FORMAT, PYKV_NOT_SUPPORTED too). The
 * numbers of references rise, and a value can be added to each. A pointer encodes to the same
 * bytes. A packed value restores to the length that it says, and packs and restores again. A
 * segment is sound if and only if its records fill it; the value of each is read by a pointer to
 * it, by no other entry's, and not with another length.
 */
#include "codec/codec_registry.h"
#include "codec/packed_value.h"
#include "fuzz/fuzz_repair.h"
#include "fuzz/fuzz_truth_lsm.h"

#include "base/memory.h"
#include "log/log_segment.h"
#include "lsm/value_refs.h"
#include "lsm/value_segment.h"

enum { REFS = 1, POINTER = 2, PACKED = 3, PACKED_WITH = 4, SEGMENT = 5 };
enum { PREFIX_BYTES = 2, REPAIR = 1, SEGMENT_NUMBER = 7 };

/* Room for longer values, which is legal, takes the time of a thousand inputs. */
enum { PLAIN_BYTES_MAX = 1 << 20 };

static bool is_expected(pykv_status status)
{
    return status == PYKV_OK || status == PYKV_CORRUPTION;
}

static void check_refs(slice data)
{
    buffer list = BUFFER_EMPTY;
    uint32_t before = 0;
    pykv_status status = value_refs_check(data, "x");
    FUZZ_EXPECT(is_expected(status));
    if (status != PYKV_OK) {
        return;
    }
    FUZZ_EXPECT(buffer_append(&list, data.data, data.size) == PYKV_OK);
    for (size_t i = 0; i < value_refs_count(data); i++) {
        value_ref found = value_refs_at(data, i);
        FUZZ_EXPECT(found.number > before && found.count > 0);
        FUZZ_EXPECT(value_refs_add(&list, found.number, 1) == PYKV_OK);
        FUZZ_EXPECT(value_refs_at(slice_make(list.data, list.size), i).bytes == found.bytes + 1);
        before = found.number;
    }
    FUZZ_EXPECT(list.size == data.size);
    buffer_reset(&list);
}

static void check_pointer(slice data)
{
    value_pointer found;
    uint8_t again[VALUE_POINTER_BYTES_MAX];
    pykv_status status = value_pointer_decode(data, &found);
    FUZZ_EXPECT(is_expected(status));
    if (status == PYKV_OK) {
        FUZZ_EXPECT(found.stored_bytes <= found.value_bytes);
        FUZZ_EXPECT(value_pointer_encode(&found, again) == data.size);
        FUZZ_EXPECT(memcmp(again, data.data, data.size) == 0);
    }
}

/* ---- packed values ---- */

static void check_again(const codec *with, const packed_dictionary *dictionary, slice value)
{
    buffer packed = BUFFER_EMPTY;
    buffer again = BUFFER_EMPTY;
    bool pays;
    FUZZ_EXPECT(packed_value_make(with, 0, dictionary, value, &packed, &pays) == PYKV_OK);
    if (packed.size > 0) {
        slice stored = slice_make(packed.data, packed.size);
        FUZZ_EXPECT(packed_value_restore(with, dictionary, stored, &again) == PYKV_OK);
        FUZZ_EXPECT(slice_equal(slice_make(again.data, again.size), value));
    }
    buffer_reset(&packed);
    buffer_reset(&again);
}

static void check_packed(const codec *with, const packed_dictionary *dictionary, slice stored)
{
    buffer room = BUFFER_EMPTY;
    uint32_t plain_bytes = stored.size >= 4 ? load_u32(stored.data) : 0;
    if (plain_bytes > PLAIN_BYTES_MAX && plain_bytes <= PYKV_VALUE_BYTES_MAX) {
        return;
    }
    pykv_status status = packed_value_restore(with, dictionary, stored, &room);
    FUZZ_EXPECT(is_expected(status));
    if (status == PYKV_OK) {
        FUZZ_EXPECT(room.size == plain_bytes);
        check_again(with, dictionary, slice_make(room.data, room.size));
    }
    buffer_reset(&room);
}

static void check_packed_with(const codec *with, size_t dictionary_bytes, slice data)
{
    packed_dictionary *dictionary;
    size_t head = dictionary_bytes < data.size ? dictionary_bytes : data.size;
    slice bytes = slice_make(data.data, head);
    pykv_status status = packed_dictionary_open(with, true, 0, bytes, &dictionary);
    FUZZ_EXPECT(is_expected(status));
    if (status == PYKV_OK) {
        uint8_t *rest = fuzz_copy(data.data + head, data.size - head);
        check_packed(with, dictionary, slice_make(rest, data.size - head));
        packed_dictionary_close(dictionary);
        free(rest);
    }
}

/* ---- a value segment ---- */

/* The number of its records if they fill it, else 0. */
static uint64_t count_records(slice data)
{
    uint64_t count = 0;
    uint64_t at = LOG_SEGMENT_HEADER_BYTES;
    uint32_t seed = record_seed(load_u64(data.data + 16));
    while (at < data.size) {
        record found;
        if (record_decode(data.data + at, data.size - at, seed, at, true, &found) != RECORD_VALID) {
            return 0;
        }
        count++;
        at += record_bytes_of(&found);
    }
    return count;
}

/* True of a record that a writer of values may have made. */
static bool is_one_of_values(const record *found)
{
    bool has_deadline = (found->flags & RECORD_FLAG_DEADLINE) != 0;
    uint8_t flags = RECORD_FLAG_DEADLINE | RECORD_FLAG_CODEC | RECORD_FLAG_LONG_KEY;
    return found->kind == RECORD_PUT && (found->flags & ~flags) == 0 &&
           has_deadline == (found->deadline_us != 0) &&
           ((found->flags & RECORD_FLAG_CODEC) == 0 || found->codec == CODEC_ZSTD);
}

static void check_reads(const value_segment *from, const record *found, uint64_t offset)
{
    buffer scratch = BUFFER_EMPTY;
    slice value;
    bool packed = (found->flags & RECORD_FLAG_CODEC) != 0;
    size_t bytes = packed ? fuzz_unpacked_bytes(found->value) : found->value.size;
    value_pointer where = {SEGMENT_NUMBER, (uint32_t)bytes, offset, (uint32_t)found->value.size};
    iterator_entry entry = {.key = found->key,
                            .sequence = found->sequence,
                            .deadline_us = found->deadline_us,
                            .kind = INTERNAL_KIND_POINTER};
    if (!is_one_of_values(found) || (packed && bytes <= found->value.size)) {
        return;
    }
    FUZZ_EXPECT(value_segment_read(from, &where, &entry, &scratch, &value) == PYKV_OK);
    FUZZ_EXPECT(value.size == bytes && (packed || slice_equal(value, found->value)));
    where.value_bytes++;
    where.stored_bytes += !packed;
    FUZZ_EXPECT(value_segment_read(from, &where, &entry, &scratch, &value) == PYKV_CORRUPTION);
    where.value_bytes--;
    where.stored_bytes -= !packed;
    entry.sequence++;
    FUZZ_EXPECT(value_segment_read(from, &where, &entry, &scratch, &value) == PYKV_CORRUPTION);
    buffer_reset(&scratch);
}

static void check_values(const value_segment *from, slice data)
{
    static pykv_report report;
    uint32_t seed = record_seed(load_u64(data.data + 16));
    for (uint64_t at = LOG_SEGMENT_HEADER_BYTES; at + RECORD_HEADER_BYTES <= data.size;
         at += RECORD_GRANULE_BYTES) {
        record found;
        if (record_decode(data.data + at, data.size - at, seed, at, true, &found) == RECORD_VALID) {
            check_reads(from, &found, at);
        }
    }
    memset(&report, 0, sizeof report);
    FUZZ_EXPECT(value_segment_verify(from, &report) == PYKV_OK);
    bool filled = from->facts.value_count > 0 || data.size == LOG_SEGMENT_HEADER_BYTES;
    FUZZ_EXPECT((report.damage_count == 0) == filled);
}

static void check_segment(slice data)
{
    graveyard grave;
    env_directory *home;
    manifest_values facts;
    uint64_t store_id;
    value_segment *opened;
    codec_table codecs = codec_table_make();
    env *disk = fuzz_disk_new(&home);
    codec_table_add(&codecs, &codec_runs);
    fuzz_disk_put(home, "00000007.val", data.data, data.size);
    graveyard_init(&grave, home);
    pykv_status status = value_segment_describe(home, SEGMENT_NUMBER, &store_id, &facts);
    FUZZ_EXPECT(is_expected(status) || status == PYKV_FORMAT);
    if (status == PYKV_OK) {
        facts.value_count = count_records(data);
        status = value_segment_open(&grave, store_id, &facts, &codecs, &opened);
        FUZZ_EXPECT(is_expected(status));
    }
    if (status == PYKV_OK) {
        check_values(opened, data);
        value_segment_release(opened);
        (void)graveyard_empty(&grave);
    }
    fuzz_disk_free(disk, home);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pykv_codec runs = runs_given();
    if (size < PREFIX_BYTES) {
        return 0;
    }
    FUZZ_EXPECT(codec_registry_set(&runs) == PYKV_OK);
    codec_table codecs = codec_registry_table();
    const codec *with = codec_table_find(&codecs, CODEC_ZSTD);
    int64_t blocks = mem_block_count();
    size_t rest = size - PREFIX_BYTES;
    uint8_t *copy = fuzz_copy(data + PREFIX_BYTES, rest);
    slice bytes = slice_make(copy, rest);
    switch (data[0]) {
    case REFS:
        check_refs(bytes);
        break;
    case POINTER:
        check_pointer(bytes);
        break;
    case PACKED:
        check_packed(with, NULL, bytes);
        break;
    case PACKED_WITH:
        check_packed_with(with, data[1], bytes);
        break;
    case SEGMENT:
        if ((data[1] & REPAIR) != 0) {
            fuzz_repair_log(copy, rest);
        }
        check_segment(bytes);
        break;
    default:
        break;
    }
    free(copy);
    FUZZ_EXPECT(mem_block_count() == blocks);
    return 0;
}
