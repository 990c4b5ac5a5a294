/*
 * fuzz_manifest: manifest_read and home_manifest_engine on arbitrary bytes.
 *
 * Input: a byte of repairs, then the bytes of MANIFEST. Repair 1 makes the frame, the number of
 * segments and all checks right.
 *
 * Promises: the status is PYKV_OK, PYKV_CORRUPTION or PYKV_FORMAT, and names the file. What is read
 * has segments in the order of their numbers, and is written again to the same bytes. Whatever can
 * be read belongs to the engine that home_manifest_engine tells.
 */
#include "fuzz/fuzz_disk.h"
#include "fuzz/fuzz_repair_manifest.h"

#include "base/error.h"
#include "bitcask/manifest.h"
#include "log/home.h"

enum { REPAIR = 1 };

static void check_segments(const manifest *found)
{
    uint32_t before = 0;
    FUZZ_EXPECT(found->segment_count <= MANIFEST_SEGMENTS_MAX);
    for (uint64_t i = 0; i < found->segment_count; i++) {
        FUZZ_EXPECT(found->segments[i].number > before);
        before = found->segments[i].number;
    }
    FUZZ_EXPECT(before < found->next_number);
    before = 0;
    for (uint64_t i = 0; i < found->history_count; i++) {
        FUZZ_EXPECT(found->history[i].number > before);
        FUZZ_EXPECT(found->history[i].first_sequence <= found->history[i].last_sequence);
        before = found->history[i].number;
    }
    FUZZ_EXPECT(before < found->next_number);
    FUZZ_EXPECT(found->pins.count <= HISTORY_PINS_MAX);
}

static void check_manifest(env *disk, env_directory *home, const uint8_t *data, size_t size)
{
    manifest found;
    int32_t engine = -1;
    fuzz_disk_put(home, MANIFEST_NAME, data, size);
    pykv_status detected = home_manifest_engine(home, &engine);
    pykv_status status = manifest_read(home, &found);
    FUZZ_EXPECT(detected == PYKV_OK || detected == PYKV_CORRUPTION || detected == PYKV_FORMAT);
    FUZZ_EXPECT(status == PYKV_OK || status == PYKV_CORRUPTION || status == PYKV_FORMAT);
    if (status != PYKV_OK) {
        FUZZ_EXPECT(strstr(error_last()->text, MANIFEST_NAME) != NULL);
        return;
    }
    FUZZ_EXPECT(detected == PYKV_OK && engine == PYKV_ENGINE_BITCASK);
    check_segments(&found);
    FUZZ_EXPECT(manifest_replace(home, &found) == PYKV_OK);
    fuzz_disk_expect(disk, MANIFEST_NAME, data, size);
    manifest_reset(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    env_directory *home;
    if (size < 1) {
        return 0;
    }
    uint8_t *copy = fuzz_copy(data + 1, size - 1);
    if ((data[0] & REPAIR) != 0) {
        fuzz_repair_manifest(copy, size - 1);
    }
    env *disk = fuzz_disk_new(&home);
    check_manifest(disk, home, copy, size - 1);
    fuzz_disk_free(disk, home);
    free(copy);
    return 0;
}
