/*
 * env_memory_crash_test: what may and what must be left when the power goes, checked against a
 * model that keeps each file twice, and by counting that every outcome does occur.
 */
#include "base/memory.h"
#include "env/env_memory.h"
#include "env/files.h"

enum { FILE_COUNT = 3, FILE_BYTES_MAX = 16 << 10, SECTOR_BYTES = 512, OUTCOME_COUNT = 300 };

static const env_crash_policy policies[] = {ENV_CRASH_DROP_ALL, ENV_CRASH_KEEP_ALL,
                                            ENV_CRASH_PREFIX,   ENV_CRASH_SUBSET,
                                            ENV_CRASH_TORN,     ENV_CRASH_TORN_SECTOR};
enum { POLICY_COUNT = sizeof policies / sizeof policies[0] };

/* ---- the model of one file ---- */

typedef struct model_file {
    uint8_t now[FILE_BYTES_MAX];
    uint8_t durable[FILE_BYTES_MAX];
    size_t now_size;
    size_t durable_size;
} model_file;

static env *disk;
static env_directory *directory;
static env_file *files[FILE_COUNT];
static env_mapping mappings[FILE_COUNT];
static model_file models[FILE_COUNT];
static uint64_t chance;

static size_t draw(size_t bound)
{
    return (size_t)check_random(&chance, bound);
}

static const char *name_of(size_t index)
{
    static const char *const names[FILE_COUNT] = {"zero", "one", "two"};
    return names[index];
}

static void start(uint64_t seed)
{
    disk = NULL;
    directory = NULL;
    chance = seed;
    memset(models, 0, sizeof models);
    CHECK_OK(env_memory_new(seed, FILE_BYTES_MAX, &disk));
    CHECK_OK(env_directory_open(disk, "/d", true, &directory));
    for (size_t i = 0; i < FILE_COUNT; i++) {
        files[i] = file_open(directory, name_of(i), FILES_CREATE);
        memset(&mappings[i], 0, sizeof mappings[i]);
    }
    CHECK_OK(env_directory_sync(directory));
}

static void finish(void)
{
    for (size_t i = 0; i < FILE_COUNT; i++) {
        env_unmap(&mappings[i]);
        env_file_close(files[i]);
    }
    env_directory_close(directory);
    env_memory_free(disk);
}

static void model_write(model_file *model, size_t offset, const uint8_t *data, size_t size)
{
    memcpy(model->now + offset, data, size);
    if (offset + size > model->now_size) {
        model->now_size = offset + size;
    }
}

static void model_resize(model_file *model, size_t size)
{
    if (size < model->now_size) {
        memset(model->now + size, 0, model->now_size - size);
    }
    model->now_size = size;
}

static void model_sync(model_file *model)
{
    memcpy(model->durable, model->now, sizeof model->now);
    model->durable_size = model->now_size;
}

static void random_bytes(uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)draw(256);
    }
}

static void do_write(size_t index)
{
    uint8_t data[3000];
    size_t size = 1 + draw(sizeof data);
    size_t offset = draw(FILE_BYTES_MAX - size);
    random_bytes(data, size);
    CHECK_OK(file_write_one(files[index], offset, data, size));
    model_write(&models[index], offset, data, size);
}

/* Half of the stores are not told of: they must be seen as un-synced all the same. */
static void do_store(size_t index)
{
    uint8_t data[200];
    if (models[index].now_size < sizeof data) {
        return;
    }
    if (mappings[index].base == NULL) {
        CHECK_OK(env_file_map(files[index], FILE_BYTES_MAX, true, &mappings[index]));
    }
    size_t size = 1 + draw(sizeof data);
    size_t offset = draw(models[index].now_size - size + 1);
    random_bytes(data, size);
    memcpy(mappings[index].base + offset, data, size);
    if (draw(2) == 0) {
        CHECK_OK(env_mapping_written(&mappings[index], offset, size));
    }
    model_write(&models[index], offset, data, size);
}

static void do_resize(size_t index)
{
    size_t size = draw(FILE_BYTES_MAX + 1);
    if (draw(2) == 0) {
        CHECK_OK(env_file_truncate(files[index], size));
    } else if (size > models[index].now_size) {
        CHECK_OK(env_file_allocate(files[index], 0, size));
    } else {
        return;
    }
    model_resize(&models[index], size);
}

static void do_something(void)
{
    size_t index = draw(FILE_COUNT);
    switch (draw(10)) {
    case 0:
    case 1:
        CHECK_OK(env_file_sync(files[index]));
        model_sync(&models[index]);
        break;
    case 2:
        do_resize(index);
        break;
    case 3:
        env_unmap(&mappings[index]);
        break;
    case 4:
    case 5:
        do_store(index);
        break;
    default:
        do_write(index);
        break;
    }
}

/* ---- checks of a file after a crash ---- */

static bool sector_differs(const model_file *model, size_t at)
{
    size_t start = at / SECTOR_BYTES * SECTOR_BYTES;
    return memcmp(model->now + start, model->durable + start, SECTOR_BYTES) != 0;
}

static bool byte_allowed(const model_file *model, env_crash_policy policy, size_t at, uint8_t got)
{
    uint8_t old = model->durable[at];
    uint8_t fresh = model->now[at];
    if (policy == ENV_CRASH_DROP_ALL) {
        return got == old;
    }
    if (policy == ENV_CRASH_KEEP_ALL) {
        return got == fresh;
    }
    if (policy == ENV_CRASH_TORN && old != fresh) {
        return true;
    }
    if (policy == ENV_CRASH_TORN_SECTOR && sector_differs(model, at)) {
        return true;
    }
    return got == old || got == fresh;
}

static void check_size(const model_file *model, env_crash_policy policy, size_t size)
{
    size_t low = model->now_size < model->durable_size ? model->now_size : model->durable_size;
    size_t high = model->now_size < model->durable_size ? model->durable_size : model->now_size;
    if (policy == ENV_CRASH_DROP_ALL) {
        CHECK_EQUAL(model->durable_size, size);
    } else if (policy == ENV_CRASH_KEEP_ALL) {
        CHECK_EQUAL(model->now_size, size);
    } else {
        CHECK(size >= low && size <= high);
    }
}

static void check_file(const model_file *model, env_crash_policy policy, env *after,
                       const char *name)
{
    char path[32];
    uint8_t *data;
    uint64_t size;
    snprintf(path, sizeof path, "/d/%s", name);
    CHECK_OK(env_memory_file_bytes(after, path, &data, &size));
    check_size(model, policy, size);
    for (size_t i = 0; i < size; i++) {
        if (!byte_allowed(model, policy, i, data[i])) {
            check_failed(__FILE__, __LINE__, "%s: byte %zu of policy %d is %u, was %u, written %u",
                         name, i, (int)policy, data[i], model->durable[i], model->now[i]);
        }
    }
}

static void crash_and_check(env_crash_policy policy)
{
    env *after = NULL;
    CHECK_OK(env_memory_crash(disk, draw(SIZE_MAX), policy, &after));
    for (size_t i = 0; i < FILE_COUNT; i++) {
        check_file(&models[i], policy, after, name_of(i));
    }
    env_memory_free(after);
}

/* PREFIX has a test of its own; un-told stores and truncated tails make it loose here. */
TEST(a_synced_byte_never_changes_and_an_unsynced_one_is_old_or_new)
{
    uint64_t round_count = check_count("PYKV_CRASH_ROUNDS", 20);
    int64_t blocks = mem_block_count();
    for (uint64_t round = 0; round < round_count; round++) {
        start(check_seed() + round);
        for (int i = 0; i < 60; i++) {
            do_something();
            for (size_t p = 0; i % 4 == 0 && p < POLICY_COUNT; p++) {
                if (policies[p] != ENV_CRASH_PREFIX) {
                    crash_and_check(policies[p]);
                }
            }
        }
        finish();
        CHECK_EQUAL(blocks, mem_block_count());
    }
}

/* ---- writes in order ---- */

enum { WRITE_COUNT = 12, SMALL_BYTES = 64 };

typedef struct small_write {
    size_t file;
    size_t offset;
    size_t size;
    uint8_t data[SMALL_BYTES];
} small_write;

/* Does the first count writes, and part bytes of the next, to images of FILE_COUNT files. */
static void apply_prefix(const small_write *writes, size_t count, size_t part, model_file *images)
{
    memset(images, 0, sizeof(model_file) * FILE_COUNT);
    for (size_t i = 0; i < count; i++) {
        model_write(&images[writes[i].file], writes[i].offset, writes[i].data, writes[i].size);
    }
    if (part > 0) {
        const small_write *last = &writes[count];
        model_write(&images[last->file], last->offset, last->data, part);
    }
}

static bool images_equal(env *after, const model_file *images)
{
    for (size_t i = 0; i < FILE_COUNT; i++) {
        char path[32];
        uint8_t *data;
        uint64_t size;
        snprintf(path, sizeof path, "/d/%s", name_of(i));
        CHECK_OK(env_memory_file_bytes(after, path, &data, &size));
        if (size != images[i].now_size || memcmp(data, images[i].now, size) != 0) {
            return false;
        }
    }
    return true;
}

/* How many whole writes are left; fails the case if it is no prefix of them. */
static size_t find_prefix(env *after, const small_write *writes)
{
    static model_file images[FILE_COUNT];
    for (size_t count = 0; count <= WRITE_COUNT; count++) {
        size_t part_end = count < WRITE_COUNT ? writes[count].size : 1;
        for (size_t part = 0; part < part_end; part++) {
            apply_prefix(writes, count, part, images);
            if (images_equal(after, images)) {
                return count;
            }
        }
    }
    check_failed(__FILE__, __LINE__, "what is left is no prefix of the writes");
}

TEST(under_prefix_writes_survive_in_their_order)
{
    small_write writes[WRITE_COUNT];
    bool seen[WRITE_COUNT + 1] = {false};
    start(check_seed());
    for (size_t i = 0; i < WRITE_COUNT; i++) {
        small_write *write = &writes[i];
        write->file = draw(FILE_COUNT);
        write->size = 1 + draw(SMALL_BYTES);
        write->offset = draw(400);
        memset(write->data, (int)(i + 1), sizeof write->data);
        CHECK_OK(file_write_one(files[write->file], write->offset, write->data, write->size));
    }
    for (uint64_t seed = 0; seed < OUTCOME_COUNT; seed++) {
        env *after = NULL;
        CHECK_OK(env_memory_crash(disk, seed, ENV_CRASH_PREFIX, &after));
        seen[find_prefix(after, writes)] = true;
        env_memory_free(after);
    }
    finish();
    for (size_t i = 0; i <= WRITE_COUNT; i++) {
        CHECK(seen[i]);
    }
}

TEST(one_seed_gives_one_crash_and_leaves_the_disk_alone)
{
    start(check_seed());
    for (int i = 0; i < 30; i++) {
        do_something();
    }
    for (size_t p = 0; p < POLICY_COUNT; p++) {
        env *pair[2] = {NULL, NULL};
        for (int i = 0; i < 2; i++) {
            CHECK_OK(env_memory_crash(disk, 7, policies[p], &pair[i]));
        }
        for (size_t i = 0; i < FILE_COUNT; i++) {
            char path[32];
            uint8_t *data[2];
            uint64_t size[2];
            snprintf(path, sizeof path, "/d/%s", name_of(i));
            CHECK_OK(env_memory_file_bytes(pair[0], path, &data[0], &size[0]));
            CHECK_OK(env_memory_file_bytes(pair[1], path, &data[1], &size[1]));
            CHECK_EQUAL(size[0], size[1]);
            CHECK_BYTES(data[0], data[1], size[0]);
        }
        env_memory_free(pair[0]);
        env_memory_free(pair[1]);
    }
    crash_and_check(ENV_CRASH_KEEP_ALL);
    crash_and_check(ENV_CRASH_DROP_ALL);
    finish();
}

TEST(a_crash_can_run_out_of_memory_and_leaves_nothing)
{
    start(check_seed());
    for (int i = 0; i < 30; i++) {
        do_something();
    }
    int64_t blocks = mem_block_count();
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        env *after = NULL;
        (void)mem_fail_at(at, 0);
        status = env_memory_crash(disk, 7, ENV_CRASH_TORN, &after);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || (status == PYKV_NO_MEMORY && after == NULL));
        env_memory_free(after);
        CHECK_EQUAL(blocks, mem_block_count());
    }
    finish();
}

TEST_MAIN(CASE(a_synced_byte_never_changes_and_an_unsynced_one_is_old_or_new),
          CASE(under_prefix_writes_survive_in_their_order),
          CASE(one_seed_gives_one_crash_and_leaves_the_disk_alone),
          CASE(a_crash_can_run_out_of_memory_and_leaves_nothing))
