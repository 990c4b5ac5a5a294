/*
 * fuzz_hint: hint_read on arbitrary bytes.
 *
 * Input: a byte of repairs, then the bytes of the hint. Repair 1 makes the frame, the number of
 * entries and all checks right. The segment that the hint is read for is the one it names, unless
 * bit 2, 4, 8 or 16 says that its file id, its length, its store or its number is another one.
 *
 * Promises: the status is PYKV_OK, PYKV_CORRUPTION or PYKV_FORMAT; never PYKV_OK for another
 * segment. Entries are of known kinds and lie in the segment, and the hint is written again to the
 * same bytes.
 */
#include "fuzz/fuzz_disk.h"
#include "fuzz/fuzz_repair.h"

#include "bitcask/hint.h"

enum { REPAIR = 1, OTHER_FILE = 2, OTHER_LENGTH = 4, OTHER_STORE = 8, OTHER_NUMBER = 16 };

static void check_entries(const hint_list *list, uint64_t length)
{
    for (uint64_t i = 0; i < list->count; i++) {
        const hint_entry *entry = &list->entries[i];
        FUZZ_EXPECT(entry->kind >= RECORD_PUT && entry->kind <= RECORD_CLEAR);
        FUZZ_EXPECT(entry->offset >= LOG_SEGMENT_HEADER_BYTES);
        FUZZ_EXPECT(entry->offset <= length && entry->bytes <= length - entry->offset);
    }
}

static void check_hint(env *disk, bitcask *store, const segment *source, bool other,
                       const uint8_t *data, size_t size)
{
    char name[SEGMENT_NAME_BYTES];
    hint_list list;
    segment_name(source->number, true, name);
    fuzz_disk_put(store->home, name, data, size);
    pykv_status status = hint_read(store, source, &list);
    FUZZ_EXPECT(status == PYKV_OK || status == PYKV_CORRUPTION || status == PYKV_FORMAT);
    if (status != PYKV_OK) {
        return;
    }
    FUZZ_EXPECT(!other);
    check_entries(&list, atomic_load(&source->length));
    FUZZ_EXPECT(hint_write(store, source, &list) == PYKV_OK);
    fuzz_disk_expect(disk, name, data, size);
    hint_list_reset(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bitcask store;
    segment source = {.number = 1};
    if (size < 1) {
        return 0;
    }
    uint8_t wish = data[0];
    uint8_t *copy = fuzz_copy(data + 1, size - 1);
    if ((wish & REPAIR) != 0) {
        fuzz_repair_hint(copy, size - 1);
    }
    if (size - 1 >= HINT_HEADER_BYTES) {
        source.number = load_u32(copy + 12) ^ ((wish & OTHER_NUMBER) != 0);
        source.file_id = load_u64(copy + 16) ^ ((wish & OTHER_FILE) != 0);
        atomic_init(&source.length, load_u64(copy + 24) ^ ((wish & OTHER_LENGTH) != 0 ? 8 : 0));
        store.store_id = load_u64(copy + 32) ^ ((wish & OTHER_STORE) != 0);
    }
    bool other = (wish & (OTHER_FILE | OTHER_LENGTH | OTHER_STORE | OTHER_NUMBER)) != 0;
    env *disk = fuzz_disk_new(&store.home);
    check_hint(disk, &store, &source, other, copy, size - 1);
    fuzz_disk_free(disk, store.home);
    free(copy);
    return 0;
}
