/*
 * fuzz_lsm_manifest: lsm_manifest_read on arbitrary bytes.
 *
 * Input: a byte of repairs, then the bytes of MANIFEST. Repair 1 makes the frame, the numbers of
 * logs and tables and all checks right.
 *
 * Promises: the status is PYKV_OK, PYKV_CORRUPTION or PYKV_FORMAT, and names the file. What is read
 * has logs and tables in order, no number twice or to be given again, sequences within bounds, and
 * is written again to the same bytes.
 */
#include "fuzz/fuzz_disk.h"
#include "fuzz/fuzz_repair_manifest.h"

#include "base/error.h"
#include "log/manifest_file.h"
#include "lsm/version_edit.h"

enum { REPAIR = 1 };

static void check_logs(const lsm_manifest *found)
{
    uint32_t before = 0;
    FUZZ_EXPECT(found->log_count <= LSM_LOGS_MAX);
    for (uint64_t i = 0; i < found->log_count; i++) {
        FUZZ_EXPECT(found->logs[i].number > before);
        before = found->logs[i].number;
        FUZZ_EXPECT(i == 0 || found->logs[i].history_end == 0 ||
                    found->logs[i - 1].history_end != 0);
        for (uint64_t j = 0; j < found->table_count; j++) {
            FUZZ_EXPECT(found->tables[j].number != before);
        }
    }
    FUZZ_EXPECT(before < found->next_number);
}

static void check_tables(const lsm_manifest *found)
{
    FUZZ_EXPECT(found->table_count <= LSM_TABLES_MAX);
    for (uint64_t i = 0; i < found->table_count; i++) {
        const manifest_table *table = &found->tables[i];
        FUZZ_EXPECT(table->level < LSM_LEVEL_COUNT);
        FUZZ_EXPECT(table->number > 0 && table->number < found->next_number);
        FUZZ_EXPECT(table->sequence_min <= table->sequence_max);
        FUZZ_EXPECT(table->sequence_max <= found->last_sequence);
        FUZZ_EXPECT(table->tombstone_count <= table->entry_count);
        for (uint64_t j = i + 1; j < found->table_count; j++) {
            const manifest_table *later = &found->tables[j];
            FUZZ_EXPECT(later->number != table->number && later->level >= table->level);
            FUZZ_EXPECT(later->level > table->level || later->number > table->number);
        }
    }
}

static void check_manifest(env *disk, env_directory *home, const uint8_t *data, size_t size)
{
    lsm_manifest found;
    fuzz_disk_put(home, MANIFEST_NAME, data, size);
    pykv_status status = lsm_manifest_read(home, &found);
    FUZZ_EXPECT(status == PYKV_OK || status == PYKV_CORRUPTION || status == PYKV_FORMAT);
    if (status != PYKV_OK) {
        FUZZ_EXPECT(strstr(error_last()->text, MANIFEST_NAME) != NULL);
        return;
    }
    check_logs(&found);
    check_tables(&found);
    FUZZ_EXPECT(found.flushed_sequence <= found.last_sequence);
    FUZZ_EXPECT(lsm_manifest_replace(home, &found) == PYKV_OK);
    fuzz_disk_expect(disk, MANIFEST_NAME, data, size);
    lsm_manifest_reset(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    env_directory *home;
    if (size < 1) {
        return 0;
    }
    uint8_t *copy = fuzz_copy(data + 1, size - 1);
    if ((data[0] & REPAIR) != 0) {
        fuzz_repair_lsm_manifest(copy, size - 1);
    }
    env *disk = fuzz_disk_new(&home);
    check_manifest(disk, home, copy, size - 1);
    fuzz_disk_free(disk, home);
    free(copy);
    return 0;
}
