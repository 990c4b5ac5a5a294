/*
 * fuzz_log: whole log files from arbitrary bytes: the segment header, the walk over the records,
 * and where recovery finds the end of up to four files.
 *
 * Input: a byte of repairs, the sequence that is due (u8), a durable position (u32 of number, u16
 * of granules), then a pack of files (fuzz_disk.h), oldest first, whose names mean nothing. Repair
 * 1 makes headers and records right.
 *
 * Promises: a header that is accepted encodes to the same bytes. What the walk gives lies in the
 * file, in order, is valid and encodes to the same bytes; batches are whole; sequences of append
 * segments follow each other. Recovery ends each file where its records end, walking it again up to
 * there gives the same records, recovering what is left finds the same end, and so does recovering
 * with walks ahead.
 */
#include "fuzz/fuzz_disk.h"
#include "fuzz/fuzz_repair.h"

#include "log/log_recovery.h"

enum { REPAIR = 1, PREFIX_BYTES = 8, FILES_MAX = 4 };

typedef struct log_file {
    uint8_t *data;
    size_t size;
} log_file;

static bool decode_header(const log_file *file, log_segment_header *out)
{
    uint8_t again[LOG_SEGMENT_HEADER_BYTES];
    pykv_status status = log_segment_decode(file->data, file->size, "fuzz.log", out);
    FUZZ_EXPECT(status == PYKV_OK || status == PYKV_CORRUPTION || status == PYKV_FORMAT);
    if (status != PYKV_OK) {
        return false;
    }
    log_segment_encode(out, again);
    FUZZ_EXPECT(memcmp(again, file->data, sizeof again) == 0);
    return true;
}

static void expect_same_bytes(const log_file *file, uint32_t seed, uint64_t offset, record found)
{
    uint64_t total = record_bytes(found.flags, found.key.size, found.value.size);
    uint8_t *again = malloc(total);
    FUZZ_EXPECT(again != NULL && offset + total <= file->size);
    record_encode(&found, seed, offset, again);
    FUZZ_EXPECT(memcmp(again, file->data + offset, total) == 0);
    free(again);
}

/* Only the padding of a sync may stand between two records. */
static void expect_padding(const log_file *file, bool ordered, uint64_t end, uint64_t offset)
{
    FUZZ_EXPECT(offset >= end && offset % RECORD_GRANULE_BYTES == 0);
    if (offset != end) {
        FUZZ_EXPECT(ordered && offset % LOG_SECTOR_BYTES == 0 && offset - end < LOG_SECTOR_BYTES);
        FUZZ_EXPECT(all_zero(file->data + end, offset - end));
    }
}

static void check_walk(const log_file *file, uint64_t file_id, bool ordered)
{
    log_reader reader;
    record found;
    record member;
    uint64_t offset;
    uint64_t end = LOG_SEGMENT_HEADER_BYTES;
    uint64_t due = 0; /* none: the first, or behind the last sequence that there is */
    uint32_t members = 0;
    log_reader_init(&reader, file->data, file->size, file_id, end, ordered, 0);
    while (log_reader_next(&reader, &found, &offset)) {
        expect_padding(file, ordered, end, offset);
        FUZZ_EXPECT(record_decode(file->data + offset, file->size - offset, reader.seed, offset,
                                  true, &member) == RECORD_VALID);
        expect_same_bytes(file, reader.seed, offset, found);
        FUZZ_EXPECT(!ordered || due == 0 || found.sequence == due);
        due = found.sequence + 1;
        FUZZ_EXPECT(members == 0 || (found.flags & RECORD_FLAG_BATCH) != 0);
        members += (found.flags & RECORD_FLAG_BATCH) != 0;
        if ((found.flags & RECORD_FLAG_BATCH_LAST) != 0) {
            FUZZ_EXPECT(found.batch_count == members);
            members = 0;
        }
        end = offset + record_bytes(found.flags, found.key.size, found.value.size);
    }
    FUZZ_EXPECT(members == 0 && reader.valid_end == end);
    FUZZ_EXPECT(reader.stop > LOG_STOP_NONE && reader.stop <= LOG_STOP_LIMIT);
    FUZZ_EXPECT(!log_reader_next(&reader, &found, &offset));
    log_reader_rest rest = log_reader_search(file->data, file->size, file_id, end);
    FUZZ_EXPECT(rest.end >= end);
}

/* Walks a recovered segment up to its end; the sequence that is due behind it. */
static uint64_t replay(const log_recovery_segment *segment, uint64_t due)
{
    log_reader reader;
    record found;
    uint64_t offset;
    uint64_t count = 0;
    log_reader_init(&reader, segment->data, segment->valid_end, segment->header.file_id,
                    segment->start_offset, true, due);
    while (log_reader_next(&reader, &found, &offset)) {
        FUZZ_EXPECT(found.sequence == due + count);
        count++;
    }
    FUZZ_EXPECT(count == segment->record_count);
    FUZZ_EXPECT(reader.valid_end == segment->valid_end);
    return due + count;
}

static int32_t lend_nobody(void *context, pykv_work *work, int32_t thread_count)
{
    (void)context;
    (void)work;
    (void)thread_count;
    return 0;
}

/* Recovers once more with walks ahead of the join. */
static void expect_same_ahead(const log_recovery_segment *segments, size_t count, uint64_t first,
                              uint64_t durable_claim, const log_recovery *found)
{
    static const work_lender lender = {.lend = lend_nobody};
    log_recovery_segment ahead[FILES_MAX];
    log_recovery again;
    for (size_t i = 0; i < count; i++) {
        ahead[i] = segments[i];
    }
    log_recover(ahead, count, first, durable_claim, &lender, &again);
    FUZZ_EXPECT(again.valid_segment == found->valid_segment && again.stop == found->stop);
    FUZZ_EXPECT(again.valid_offset == found->valid_offset && again.claim == found->claim);
    FUZZ_EXPECT(again.last_sequence == found->last_sequence);
    FUZZ_EXPECT(again.record_count == found->record_count && again.damaged == found->damaged);
    FUZZ_EXPECT(again.discarded_bytes == found->discarded_bytes);
    for (size_t i = 0; i < count; i++) {
        FUZZ_EXPECT(ahead[i].valid_end == segments[i].valid_end);
        FUZZ_EXPECT(ahead[i].record_count == segments[i].record_count);
    }
}

static void check_recovery(log_recovery_segment *segments, size_t count, uint64_t first,
                           uint64_t durable_claim)
{
    log_recovery found;
    log_recovery again;
    uint64_t due = first;
    uint64_t bytes = 0;
    log_recover(segments, count, first, durable_claim, NULL, &found);
    expect_same_ahead(segments, count, first, durable_claim, &found);
    for (size_t i = 0; i < count; i++) {
        FUZZ_EXPECT(segments[i].valid_end >= segments[i].start_offset);
        FUZZ_EXPECT(segments[i].valid_end <= segments[i].size);
        FUZZ_EXPECT(i <= found.valid_segment || segments[i].record_count == 0);
        due = i <= found.valid_segment ? replay(&segments[i], due) : due;
        bytes += segments[i].size;
        segments[i].size = segments[i].valid_end;
    }
    FUZZ_EXPECT(found.last_sequence == due - 1 && found.record_count == due - first);
    FUZZ_EXPECT(found.discarded_bytes <= bytes);
    FUZZ_EXPECT(found.sequence_bound >= found.last_sequence);
    FUZZ_EXPECT(found.stop <= LOG_STOP_LIMIT);
    if (count > 0) {
        FUZZ_EXPECT(found.valid_segment < count);
        FUZZ_EXPECT(found.valid_offset == segments[found.valid_segment].valid_end);
        uint64_t end =
            log_position(segments[found.valid_segment].header.number, found.valid_offset);
        FUZZ_EXPECT(found.damaged == (end < found.claim));
    }
    log_recover(segments, count, first, durable_claim, NULL, &again);
    FUZZ_EXPECT(again.last_sequence == found.last_sequence && again.discarded_bytes == 0);
}

/* Gives the files whose headers are valid to recovery. */
static void check_files(const log_file *files, size_t file_count, uint64_t first,
                        uint64_t durable_claim)
{
    log_recovery_segment segments[FILES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < file_count; i++) {
        log_segment_header header;
        if (!decode_header(&files[i], &header)) {
            check_walk(&files[i], files[i].size, i % 2 == 0);
            continue;
        }
        check_walk(&files[i], header.file_id, true);
        check_walk(&files[i], header.file_id, false);
        segments[count++] = (log_recovery_segment){.path = "fuzz.log",
                                                   .data = files[i].data,
                                                   .size = files[i].size,
                                                   .header = header,
                                                   .start_offset = LOG_SEGMENT_HEADER_BYTES};
    }
    check_recovery(segments, count, first, durable_claim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    log_file files[FILES_MAX];
    size_t count = 0;
    uint8_t code;
    slice bytes;
    if (size < PREFIX_BYTES) {
        return 0;
    }
    uint64_t first = (uint64_t)data[1] + 1;
    uint64_t claim = log_position(load_u32(data + 2), (uint64_t)load_u16(data + 6) * 8);
    bool repairs = (data[0] & REPAIR) != 0;
    data += PREFIX_BYTES;
    size -= PREFIX_BYTES;
    while (count < FILES_MAX && fuzz_pack_next(&data, &size, &code, &bytes)) {
        files[count] = (log_file){fuzz_copy(bytes.data, bytes.size), bytes.size};
        if (repairs) {
            fuzz_repair_log(files[count].data, files[count].size);
        }
        count++;
    }
    check_files(files, count, first, claim);
    for (size_t i = 0; i < count; i++) {
        free(files[i].data);
    }
    return 0;
}
