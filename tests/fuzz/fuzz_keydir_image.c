/*
 * fuzz_keydir_image: opening an image of arbitrary bytes, and touching every page of it.
 *
 * Input: a byte of repairs, a seed of hashes (u8), then the bytes of the image. Repair 1 makes the
 * frame and the checks of tables and pages right.
 *
 * Promises: the status is PYKV_OK, PYKV_CORRUPTION or PYKV_FORMAT, when it is opened and when a
 * page is touched. A lookup ends, after as many candidates as a bucket has slots at most, and gives
 * addresses that stand in the file. An image whose directories are sound is written again to the
 * same bytes, and they take new keys and give them back.
 */
#include "fuzz/fuzz_disk.h"
#include "fuzz/fuzz_repair.h"

#include "base/memory.h"
#include "bitcask/keydir.h"
#include "bitcask/keydir_check.h"
#include "bitcask/keydir_grow.h"
#include "bitcask/keydir_image.h"
#include "bitcask/keydir_image_format.h"
#include "bitcask/keydir_image_pages.h"
#include "bitcask/keydir_new.h"

#define IMAGE_NAME "KEYDIR"

enum { REPAIR = 1, PREFIX_BYTES = 2, LOOKUPS = 64, INSERTS = 150 };

static uint64_t hash_of(uint64_t number)
{
    return (number + 1) * UINT64_C(0x9E3779B97F4A7C15);
}

static bool is_refused(pykv_status status)
{
    FUZZ_EXPECT(status == PYKV_OK || status == PYKV_CORRUPTION || status == PYKV_FORMAT);
    return status != PYKV_OK;
}

/* True if a slot of the file holds the address. */
static bool is_in_file(const uint8_t *data, size_t size, uint64_t address)
{
    for (size_t at = 0; at + 8 <= size; at += 8) {
        if (load_u64(data + at) >> KEYDIR_ADDRESS_SHIFT == address) {
            return true;
        }
    }
    return false;
}

/* False if a page that the lookup needs is damaged. */
static bool look_up(keydir *keys, uint64_t hash, const uint8_t *data, size_t size)
{
    keydir_cursor cursor;
    uint32_t count = 0;
    keydir_prefetch_bucket(keys, hash);
    keydir_prefetch_line(keys, hash);
    pykv_status status = keydir_image_check_hash(keys, hash);
    FUZZ_EXPECT(status == PYKV_OK || status == PYKV_CORRUPTION);
    if (status != PYKV_OK) {
        return false;
    }
    FUZZ_EXPECT(keydir_image_ready(keys, hash) && keydir_find(keys, hash, &cursor));
    while (keydir_next(&cursor)) {
        FUZZ_EXPECT(++count <= KEYDIR_SLOTS_MAX);
        FUZZ_EXPECT(count > 1 || is_in_file(data, size, cursor.address));
    }
    return true;
}

static pykv_status rehash(void *context, uint64_t address, uint64_t *hash_out)
{
    (void)context;
    (void)address;
    (void)hash_out;
    return PYKV_CORRUPTION;
}

/* A sound directory goes on as any other. */
static void insert_and_remove(keydir *keys, uint64_t seed)
{
    char text[256];
    keydir_cursor cursor;
    uint64_t before = keydir_count(keys);
    uint64_t inserted = 0;
    for (uint64_t i = 0; i < INSERTS; i++) {
        pykv_status status = keydir_prepare(keys, hash_of(seed + i), rehash, NULL);
        FUZZ_EXPECT(status == PYKV_OK || status == PYKV_CORRUPTION || status == PYKV_NO_MEMORY);
        if (status != PYKV_OK) {
            break;
        }
        FUZZ_EXPECT(keydir_insert(keys, hash_of(seed + i), KEYDIR_ADDRESS_MAX - i));
        inserted++;
    }
    FUZZ_EXPECT(keydir_check(keys, NULL, NULL, text, sizeof text) == PYKV_OK);
    for (uint64_t i = 0; i < inserted; i++) {
        bool found = false;
        keydir_find_locked(keys, hash_of(seed + i), &cursor);
        while (!found && keydir_next(&cursor)) {
            found = cursor.address == KEYDIR_ADDRESS_MAX - i;
        }
        FUZZ_EXPECT(found);
        keydir_remove(keys, &cursor);
    }
    FUZZ_EXPECT(keydir_check(keys, NULL, NULL, text, sizeof text) == PYKV_OK);
    FUZZ_EXPECT(keydir_count(keys) == before);
}

static void check_sound(env *disk, env_directory *home, const keydir_image_sections *image,
                        uint64_t seed, slice file)
{
    char text[256];
    bool ordered = true;
    for (uint32_t i = 0; i < image->count; i++) {
        keydir *keys = image->list[i].keys;
        /* Buckets of one page of headers: their units stand in order. */
        ordered &= keys->bucket_count <= KEYDIR_IMAGE_PAGE_HEADERS;
        if (keydir_check(keys, NULL, NULL, text, sizeof text) != PYKV_OK) {
            return;
        }
    }
    FUZZ_EXPECT(keydir_image_write(image, home, IMAGE_NAME) == PYKV_OK);
    if (ordered) {
        fuzz_disk_expect(disk, IMAGE_NAME, file.data, file.size);
    }
    for (uint32_t i = 0; i < image->count; i++) {
        insert_and_remove(image->list[i].keys, seed);
    }
}

/* False if a page of it is damaged. */
static bool check_directory(keydir *keys, uint64_t seed, slice file)
{
    uint64_t pending = 1;
    bool sound = true;
    for (uint64_t i = 0; i < LOOKUPS; i++) {
        sound &= look_up(keys, hash_of(seed + i), file.data, file.size);
    }
    while (sound && pending > 0) {
        sound = !is_refused(keydir_image_check_some(keys, 1, &pending));
    }
    for (uint64_t i = 0; sound && i < LOOKUPS; i++) {
        FUZZ_EXPECT(look_up(keys, i << 56 | i, file.data, file.size));
    }
    return sound;
}

static void check_image(env *disk, env_directory *home, uint64_t seed, slice file)
{
    keydir_image_sections image;
    bool sound = true;
    fuzz_disk_put(home, IMAGE_NAME, file.data, file.size);
    if (is_refused(keydir_image_open(home, IMAGE_NAME, &image))) {
        return;
    }
    for (uint32_t i = 0; i < image.count; i++) {
        sound &= check_directory(image.list[i].keys, seed, file);
    }
    if (sound) {
        check_sound(disk, home, &image, seed, file);
    }
    keydir_image_reset(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    env_directory *home;
    if (size < PREFIX_BYTES) {
        return 0;
    }
    uint8_t *copy = fuzz_copy(data + PREFIX_BYTES, size - PREFIX_BYTES);
    if ((data[0] & REPAIR) != 0) {
        fuzz_repair_image(copy, size - PREFIX_BYTES);
    }
    env *disk = fuzz_disk_new(&home);
    check_image(disk, home, data[1], slice_make(copy, size - PREFIX_BYTES));
    fuzz_disk_free(disk, home);
    free(copy);
    return 0;
}
