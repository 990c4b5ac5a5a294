/*
 * store_flip: flipping bits, and what holds of a store that has one flipped.
 */
#include "store_flip.h"

#include <sys/wait.h>
#include <unistd.h>

#include "harness/check.h"

#include "base/memory.h"

enum { PROCESSES_MAX = 64 };

golden stored;

bool flip_is_of(const flip *at, const char *suffix)
{
    size_t length = strlen(at->file->path);
    return length > strlen(suffix) && strcmp(at->file->path + length - strlen(suffix), suffix) == 0;
}

static void fail(const flip *at, const char *what)
{
    check_failed(__FILE__, __LINE__, "%s (bit %" PRIu64 " of byte %" PRIu64 " of %s): %s", what,
                 at->bit % 8, at->bit / 8, at->file->path, error_last()->text);
}

void flip_expect(const flip *at, bool holds, const char *what)
{
    if (!holds) {
        fail(at, what);
    }
}

env *flip_disk(const flip *at)
{
    env *disk;
    uint8_t *data;
    uint64_t size;
    CHECK_OK(env_memory_clone(stored.disk, &disk));
    CHECK_OK(env_memory_file_bytes(disk, at->file->path, &data, &size));
    data[at->bit / 8] ^= (uint8_t)(1U << at->bit % 8);
    return disk;
}

/* Ways of use take turns from bit to bit. */
pykv_options flip_options(const flip *at)
{
    pykv_options options = golden_options(stored.engine);
    options.log_sink = at->bit % 2 == 0 ? PYKV_LOG_PWRITE : PYKV_LOG_MAPPED;
    options.no_mapped_reads = at->bit % 3 == 0;
    options.read_only = at->bit % 5 == 0;
    options.must_exist = 1;
    return options;
}

pykv_status flip_open(const flip *at, env *disk, void **store_out)
{
    pykv_options options = flip_options(at);
    pykv_status status = stored.engine->open(disk, GOLDEN_PATH, &options, store_out);
    bool refused = status == PYKV_CORRUPTION || status == PYKV_FORMAT;
    flip_expect(at, status == PYKV_OK || refused, "open failed");
    return status;
}

/* ---- reading ---- */

/* The rows of the store, or of its namespace. */
typedef struct door {
    const engine_ops *ops;
    void *engine;
    bool named;
} door;

/* Opens the namespace, which after a repair may be known by its number only. PYKV_NOT_FOUND:
 * nothing is left of it; PYKV_CORRUPTION: that cannot be read. */
static pykv_status open_named(const flip *at, void *store, door *out)
{
    char other[32];
    uint32_t id = 0;
    int length = snprintf(other, sizeof other, "recovered-%u", stored.name_id);
    pykv_status status = name_book_find(stored.engine->name_book(store),
                                        slice_make(GOLDEN_NAME, strlen(GOLDEN_NAME)), &id);
    if (status == PYKV_NOT_FOUND) {
        status =
            name_book_find(stored.engine->name_book(store), slice_make(other, (size_t)length), &id);
    }
    if (status != PYKV_OK) {
        flip_expect(at, status == PYKV_NOT_FOUND || status == PYKV_CORRUPTION,
                    "a namespace is not found, and not for the damage");
        return status;
    }
    flip_expect(at, id == stored.name_id, "a namespace is another one");
    *out = (door){.ops = stored.engine->named, .named = true};
    CHECK_OK(stored.engine->named_new(store, id, &out->engine));
    return PYKV_OK;
}

/* Number of the key's value, 0 if it is absent, UINT32_MAX if it is refused as damaged. */
static uint32_t read_key(const flip *at, const door *from, uint32_t index)
{
    char key[GOLDEN_TEXT_BYTES];
    pykv_pinned pinned = {0};
    slice name = slice_make(key, golden_key(index, key));
    pykv_status status = from->ops->get(from->engine, name, 0, &pinned);
    if (status != PYKV_OK) {
        flip_expect(at, status == PYKV_NOT_FOUND || status == PYKV_CORRUPTION, "a get failed");
        return status == PYKV_NOT_FOUND ? 0 : UINT32_MAX;
    }
    uint32_t number = golden_number(&stored, index, slice_make(pinned.data, pinned.length));
    mem_free(pinned.owned);
    flip_expect(at, number != 0, "a get shows a value that was never written");
    flip_expect(at, from->ops->contains(from->engine, NULL, name, 0) == PYKV_OK,
                "contains misses a key that get has");
    return number;
}

void flip_read_keys(const flip *at, void *store, golden_state *out)
{
    epoch *readers = &stored.engine->gate(store)->readers;
    door all = {.ops = stored.engine, .engine = store};
    door named;
    pykv_status status = stored.name_id != 0 ? open_named(at, store, &named) : PYKV_NOT_FOUND;
    for (uint32_t index = 0; index < GOLDEN_KEYS; index++) {
        bool is_named = golden_is_named(&stored, index);
        if (is_named && status != PYKV_OK) {
            out->values[index] = status == PYKV_NOT_FOUND ? 0 : UINT32_MAX;
            continue;
        }
        epoch_token token = epoch_enter(readers);
        out->values[index] = read_key(at, is_named ? &named : &all, index);
        epoch_leave(readers, token);
    }
    if (status == PYKV_OK) {
        named.ops->free(named.engine);
    }
}

/* True if what was read is the state, but for keys that were refused. */
bool flip_fits(const golden_state *read, const golden_state *state)
{
    for (uint32_t index = 0; index < GOLDEN_KEYS; index++) {
        if (read->values[index] != UINT32_MAX && read->values[index] != state->values[index]) {
            return false;
        }
    }
    return true;
}

static uint64_t key_count(const golden_state *state, bool named)
{
    uint64_t count = 0;
    for (uint32_t index = 0; index < GOLDEN_KEYS; index++) {
        count += state->values[index] != 0 && golden_is_named(&stored, index) == named;
    }
    return count;
}

uint64_t flip_key_count(const golden_state *state)
{
    return key_count(state, false) + key_count(state, true);
}

/* The rows of a scan are those of the state; all of them, unless it is refused. */
static bool check_scan(const flip *at, const door *from, const golden_state *state)
{
    const pykv_range whole = {.limit = 0};
    void *all;
    pykv_rows rows = {.count = 1};
    uint64_t count = 0;
    pykv_status status = from->ops->scan_open(from->engine, NULL, &whole, &all);
    flip_expect(at, status == PYKV_OK, "a scan does not begin");
    while (status == PYKV_OK && rows.count > 0) {
        status = from->ops->scan_next(all, 0, &rows);
        for (size_t i = 0; status == PYKV_OK && i < rows.count; i++) {
            const uint64_t *row = rows.offsets + 2 * i;
            uint32_t index = golden_index(slice_make(rows.data + row[0], row[1] - row[0]));
            flip_expect(at, index < GOLDEN_KEYS && golden_is_named(&stored, index) == from->named,
                        "a scan shows a key that was never written there");
            slice value = slice_make(rows.data + row[1], row[2] - row[1]);
            flip_expect(at, golden_number(&stored, index, value) == state->values[index],
                        "a scan shows a wrong value");
            count++;
        }
    }
    from->ops->scan_free(from->engine, all);
    flip_expect(at, status == PYKV_OK || status == PYKV_CORRUPTION, "a scan failed");
    flip_expect(at, status != PYKV_OK || count == key_count(state, from->named),
                "a scan misses a key");
    return status == PYKV_OK;
}

bool flip_check_scan(const flip *at, void *store, const golden_state *state)
{
    door named;
    bool whole = check_scan(at, &(door){.ops = stored.engine, .engine = store}, state);
    if (!whole || stored.name_id == 0) {
        return whole;
    }
    pykv_status status = open_named(at, store, &named);
    if (status != PYKV_OK) {
        flip_expect(at, status == PYKV_CORRUPTION || key_count(state, true) == 0,
                    "a namespace is missing");
        return status == PYKV_NOT_FOUND;
    }
    whole = check_scan(at, &named, state);
    named.ops->free(named.engine);
    return whole;
}

static uint64_t count_named(void *store, slice name)
{
    uint32_t id;
    void *named;
    uint64_t count;
    CHECK_OK(name_book_find(stored.engine->name_book(store), name, &id));
    CHECK_OK(stored.engine->named_new(store, id, &named));
    CHECK_OK(stored.engine->named->count(named, NULL, NULL, &count));
    stored.engine->named->free(named);
    return count;
}

uint64_t flip_count(void *store)
{
    void *names;
    pykv_rows rows;
    uint64_t count;
    CHECK_OK(stored.engine->count(store, NULL, NULL, &count));
    CHECK_OK(stored.engine->names_scan(store, &names));
    CHECK_OK(stored.engine->scan_next(names, 0, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        const uint64_t *ends = rows.offsets + 2 * i;
        count += count_named(store, slice_make(rows.data + ends[0], ends[1] - ends[0]));
    }
    stored.engine->scan_free(store, names);
    return count;
}

bool flip_is_dropped(void *store)
{
    uint32_t id;
    slice name = slice_make(GOLDEN_DROPPED, strlen(GOLDEN_DROPPED));
    return name_book_find(stored.engine->name_book(store), name, &id) != PYKV_OK;
}

bool flip_is_sound(const flip *at, void *store)
{
    static pykv_report report;
    flip_expect(at, stored.engine->verify(store, NULL, &report) == PYKV_OK, "verify failed");
    return report.damage_count == 0;
}

/* ---- which bits ---- */

static uint64_t bit_count(void)
{
    uint64_t count = 0;
    for (size_t i = 0; i < stored.file_count; i++) {
        count += stored.files[i].size * 8;
    }
    return count;
}

/* Each bit whose turn among those wanted is part, counted in steps of parts: all bits, or as many
 * as are wanted, of each file alike, however large it is. */
static void use_bits(void (*use)(const flip *at), uint64_t wanted, uint64_t part, uint64_t parts)
{
    uint64_t chance = check_seed();
    uint64_t turn = 0;
    for (size_t i = 0; i < stored.file_count && wanted >= bit_count(); i++) {
        for (uint64_t bit = 0; bit < stored.files[i].size * 8; bit++, turn++) {
            if (turn % parts == part) {
                use(&(flip){&stored.files[i], bit});
            }
        }
    }
    for (; turn < wanted && wanted < bit_count(); turn++) {
        const golden_file *file = &stored.files[turn % stored.file_count];
        uint64_t bit = check_random(&chance, file->size * 8);
        if (turn % parts == part) {
            use(&(flip){file, bit});
        }
    }
}

/* One part in a process of its own. */
static pid_t fork_part(void (*use)(const flip *at), uint64_t wanted, uint64_t part, uint64_t parts)
{
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        if (setjmp(check_jump) != 0) {
            _exit(EXIT_FAILURE);
        }
        use_bits(use, wanted, part, parts);
        _exit(EXIT_SUCCESS);
    }
    return child;
}

static void use_bits_in_processes(void (*use)(const flip *at), uint64_t wanted, uint64_t parts)
{
    pid_t children[PROCESSES_MAX];
    uint64_t failed = 0;
    for (uint64_t part = 0; part < parts; part++) {
        children[part] = fork_part(use, wanted, part, parts);
    }
    for (uint64_t part = 0; part < parts; part++) {
        int status = 0;
        CHECK_EQUAL(children[part], waitpid(children[part], &status, 0));
        failed += !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS;
    }
    CHECK_EQUAL(0, failed);
}

void flip_bits(const engine_ops *engine, golden_kind kind, void (*use)(const flip *at),
               const char *name)
{
    uint64_t wanted = check_count("PYKV_FLIPS", 2000);
    uint64_t parts = check_count("PYKV_PROCESSES", 1);
    golden_make(&stored, engine, kind);
    uint64_t all = bit_count();
    if (parts > 1) {
        use_bits_in_processes(use, wanted, parts < PROCESSES_MAX ? parts : PROCESSES_MAX);
    } else {
        use_bits(use, wanted, 0, 1);
    }
    printf("bit flips, %s: %" PRIu64 " of %" PRIu64 " bits, failures: 0\n", name,
           wanted < all ? wanted : all, all);
    golden_free(&stored);
}
