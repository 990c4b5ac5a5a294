/*
 * env_equivalence_test: a long random list of calls gives the same answers on the simulated disk as
 * on the real one, so that what is shown on the one holds on the other.
 */
#include "env/env_memory.h"
#include "env/files.h"

enum { NAME_COUNT = 6, BYTES_MAX = 40000, CALL_COUNT = 4000, SIDE_COUNT = 2 };

/* One environment; both get the same calls. */
typedef struct side {
    env_directory *directory;
    env_file *file; /* open on one of the names, or NULL */
    env_mapping mapping;
    pykv_status status; /* of the newest call */
    uint64_t number;    /* what it returned, if it returned a number */
    uint8_t bytes[BYTES_MAX];
} side;

static side sides[SIDE_COUNT];
static uint64_t chance;

static size_t draw(size_t bound)
{
    return (size_t)check_random(&chance, bound);
}

static const char *draw_name(void)
{
    static const char *const names[NAME_COUNT] = {"a", "b", "c", "d", "directory", "e"};
    return names[draw(NAME_COUNT)];
}

static int draw_flags(void)
{
    static const int flags[] = {
        ENV_READ,     ENV_READ | ENV_WRITE,        FILES_CREATE,
        FILES_CREATE, FILES_CREATE | ENV_TRUNCATE, FILES_CREATE | ENV_EXCLUSIVE};
    return flags[draw(sizeof flags / sizeof flags[0])];
}

static void reopen(side *at, const char *name, int flags)
{
    env_unmap(&at->mapping);
    env_file_close(at->file);
    at->file = NULL;
    at->status = env_file_open(at->directory, name, flags, &at->file);
    if (at->status == PYKV_OK) {
        at->status = env_file_size(at->file, &at->number);
    }
}

static void on_names(side *at, size_t what, const char *name, const char *other)
{
    switch (what) {
    case 0:
        at->status = env_rename(at->directory, name, other);
        break;
    case 1:
        at->status = env_unlink(at->directory, name);
        break;
    case 2:
        at->status = env_link(at->directory, name, at->directory, other);
        break;
    case 3:
        at->status = env_make_directory(at->directory, name);
        break;
    default:
        at->status = env_directory_sync(at->directory);
        break;
    }
}

static void on_file(side *at, size_t what, uint64_t offset, size_t size, const uint8_t *data)
{
    size_t got = 0;
    memset(at->bytes, 0, sizeof at->bytes);
    switch (what) {
    case 0:
    case 1:
        at->status = file_write_one(at->file, offset, data, size);
        break;
    case 2:
        at->status = env_file_truncate(at->file, offset);
        break;
    case 3:
        at->status = env_file_sync(at->file);
        break;
    default:
        at->status = env_file_read(at->file, offset, at->bytes, size, &got);
        at->number = got;
        break;
    }
}

/* Stores through a mapping, or reads one, inside the file. */
static void on_mapping(side *at, bool store, uint64_t offset, size_t size, const uint8_t *data)
{
    at->status = env_file_size(at->file, &at->number);
    if (at->status != PYKV_OK || at->number < offset + size || size == 0) {
        return;
    }
    if (at->mapping.base == NULL) {
        at->status = env_file_map(at->file, BYTES_MAX, true, &at->mapping);
    }
    if (at->status == PYKV_OK && store) {
        memcpy(at->mapping.base + offset, data, size);
        at->status = env_mapping_written(&at->mapping, offset, size);
    } else if (at->status == PYKV_OK) {
        memcpy(at->bytes, at->mapping.base + offset, size);
    }
}

static void expect_same(int call)
{
    if (sides[0].status != sides[1].status || sides[0].number != sides[1].number ||
        memcmp(sides[0].bytes, sides[1].bytes, BYTES_MAX) != 0) {
        check_failed(__FILE__, __LINE__, "call %d: status %d and %d, number %d and %d", call,
                     (int)sides[0].status, (int)sides[1].status, (int)sides[0].number,
                     (int)sides[1].number);
    }
}

static void do_call(void)
{
    static uint8_t data[3000];
    size_t kind = draw(10);
    size_t what = draw(kind < 2 ? 5 : 6);
    const char *name = draw_name();
    const char *other = draw_name();
    int flags = draw_flags();
    size_t size = draw(sizeof data);
    uint64_t offset = draw(BYTES_MAX - size);
    memset(data, (int)draw(256), size);
    for (int i = 0; i < SIDE_COUNT; i++) {
        side *at = &sides[i];
        if (kind < 2) {
            on_names(at, what, name, other);
        } else if (kind == 2 || at->file == NULL) {
            reopen(at, name, flags);
        } else if (kind < 8) {
            on_file(at, what, offset, size, data);
        } else {
            on_mapping(at, kind == 8, offset, size, data);
        }
    }
}

static void open_side(side *at, env *environment, const char *path)
{
    memset(at, 0, sizeof *at);
    CHECK_OK(env_directory_open(environment, path, true, &at->directory));
}

static void close_side(side *at)
{
    env_unmap(&at->mapping);
    env_file_close(at->file);
    env_directory_close(at->directory);
}

TEST(both_environments_answer_alike)
{
    uint64_t round_count = check_count("PYKV_EQUIVALENCE_ROUNDS", 2);
    char *base = check_temporary_directory();
    for (uint64_t round = 0; round < round_count; round++) {
        env *disk = NULL;
        char path[1024];
        snprintf(path, sizeof path, "%s/%" PRIu64, base, round);
        chance = check_seed() + round;
        CHECK_OK(env_memory_new(1, 1 << 20, &disk));
        open_side(&sides[0], env_posix(), path);
        open_side(&sides[1], disk, "/d");
        for (int call = 0; call < CALL_COUNT; call++) {
            do_call();
            expect_same(call);
        }
        close_side(&sides[0]);
        close_side(&sides[1]);
        env_memory_free(disk);
    }
    free(base);
}

TEST_MAIN(CASE(both_environments_answer_alike))
