/*
 * store_golden: making the store, and telling what its bytes are.
 */
#include "store_golden.h"

#include <stdio.h>

#include "codec/codec_registry.h"
#include "codec/codec_runs.h"
#include "harness/check.h"

#include "log/log_format.h"
#include "log/log_segment.h"

enum {
    OPERATION_BYTES_MAX = 256,
    STEP_US = 1100000,
    STEPS = 6,
    RANGE_START = 4, /* keys of the default namespace that stand in tables */
    RANGE_STOP = 6,
    VALUE_LOG_BYTES_MIN = 115 /* of an LSM store: about a half of its values are larger */
};

size_t golden_key(uint32_t index, char out[GOLDEN_TEXT_BYTES])
{
    int length = snprintf(out, GOLDEN_TEXT_BYTES, "key-%u", index);
    return index == 0 ? 0 : (size_t)length;
}

bool golden_is_named(const golden *self, uint32_t index)
{
    return self->name_id != 0 && index >= GOLDEN_NAMED_KEY;
}

/* In an LSM store long enough that tables have several blocks, in a Bitcask some so long that they
 * are worth packing. */
static size_t value_of(const golden *self, uint32_t index, uint32_t number,
                       char out[GOLDEN_TEXT_BYTES])
{
    int zeros = self->engine == &engine_lsm ? 90 + (int)number % 50 : index < 4 ? 40 : 1;
    int length = snprintf(out, GOLDEN_TEXT_BYTES, "%u:%0*u%.*s", index, zeros, number,
                          (int)number % 9, "-padding");
    return (size_t)length;
}

uint32_t golden_number(const golden *self, uint32_t index, slice value)
{
    for (size_t commit = 1; commit <= self->commit; commit++) {
        char text[GOLDEN_TEXT_BYTES];
        uint32_t number = self->states[commit].values[index];
        if (number != 0 &&
            slice_equal(value, slice_make(text, value_of(self, index, number, text)))) {
            return number;
        }
    }
    return 0;
}

uint32_t golden_index(slice key)
{
    for (uint32_t index = 0; index < GOLDEN_KEYS; index++) {
        char text[GOLDEN_TEXT_BYTES];
        if (slice_equal(key, slice_make(text, golden_key(index, text)))) {
            return index;
        }
    }
    return GOLDEN_KEYS;
}

/* ---- writing ---- */

static golden_state *next_state(golden *self)
{
    CHECK(self->commit + 1 < GOLDEN_COMMITS_MAX);
    self->commit++;
    self->states[self->commit] = self->states[self->commit - 1];
    return &self->states[self->commit];
}

static void put(golden *self, uint32_t index)
{
    char key[GOLDEN_TEXT_BYTES];
    char value[GOLDEN_TEXT_BYTES];
    golden_state *state = next_state(self);
    state->values[index] = (uint32_t)self->commit;
    size_t key_length = golden_key(index, key);
    size_t value_length = value_of(self, index, (uint32_t)self->commit, value);
    bool named = golden_is_named(self, index);
    const engine_ops *ops = named ? self->engine->named : self->engine;
    CHECK_OK(ops->put(named ? self->named : self->store, slice_make(key, key_length),
                      slice_make(value, value_length), 0, 0));
}

static void put_all(golden *self, uint32_t from, uint32_t to)
{
    for (uint32_t index = from; index < to; index++) {
        put(self, index);
    }
}

static void delete_key(golden *self, uint32_t index)
{
    char key[GOLDEN_TEXT_BYTES];
    bool named = golden_is_named(self, index);
    const engine_ops *ops = named ? self->engine->named : self->engine;
    next_state(self)->values[index] = 0;
    CHECK_OK(ops->remove(named ? self->named : self->store, slice_make(key, golden_key(index, key)),
                         0, NULL));
}

/* One batch: put of first, delete of second, put of third. */
static void write_batch(golden *self, uint32_t first, uint32_t second, uint32_t third)
{
    char keys[3][GOLDEN_TEXT_BYTES];
    char values[2][GOLDEN_TEXT_BYTES];
    static _Alignas(16) uint8_t bytes[3 * OPERATION_BYTES_MAX];
    record *members[3];
    const uint32_t indexes[3] = {first, second, third};
    CHECK(self->engine->operation_bytes <= OPERATION_BYTES_MAX);
    for (size_t i = 0; i < 3; i++) {
        members[i] = (record *)(void *)(bytes + i * self->engine->operation_bytes);
        *members[i] =
            (record){.kind = i == 1 ? RECORD_DELETE : RECORD_PUT,
                     .namespace_id = golden_is_named(self, indexes[i]) ? self->name_id : 0};
    }
    golden_state *state = next_state(self);
    uint32_t number = (uint32_t)self->commit;
    state->values[first] = number;
    state->values[second] = 0;
    state->values[third] = number;
    members[0]->key = slice_make(keys[0], golden_key(first, keys[0]));
    members[0]->value = slice_make(values[0], value_of(self, first, number, values[0]));
    members[1]->key = slice_make(keys[1], golden_key(second, keys[1]));
    members[2]->key = slice_make(keys[2], golden_key(third, keys[2]));
    members[2]->value = slice_make(values[1], value_of(self, third, number, values[1]));
    CHECK_OK(self->engine->write(self->store, bytes, 3, 0));
}

bool golden_is_in_range(uint32_t index)
{
    return index >= RANGE_START && index < RANGE_STOP;
}

static void delete_range(golden *self)
{
    char start[GOLDEN_TEXT_BYTES];
    char stop[GOLDEN_TEXT_BYTES];
    golden_state *state = next_state(self);
    for (uint32_t index = RANGE_START; index < RANGE_STOP; index++) {
        state->values[index] = 0;
    }
    CHECK_OK(self->engine->delete_range(self->store,
                                        slice_make(start, golden_key(RANGE_START, start)),
                                        slice_make(stop, golden_key(RANGE_STOP, stop)), 0));
}

static void pin_history(golden *self)
{
    pykv_stats stats;
    pykv_pin pin = {.name = "pin"};
    self->engine->stats(self->store, &stats);
    pin.sequence = stats.last_sequence;
    CHECK_OK(self->engine->pin_history(self->store, &pin));
}

static void clear(golden *self)
{
    *next_state(self) = (golden_state){{0}};
    CHECK_OK(self->engine->clear(self->store, 0));
}

static slice text(const char *data)
{
    return slice_make(data, strlen(data));
}

static void make_names(golden *self)
{
    uint32_t id;
    void *named;
    CHECK_OK(
        name_book_make(self->engine->name_book(self->store), text(GOLDEN_NAME), 0, &self->name_id));
    CHECK_OK(self->engine->named_new(self->store, self->name_id, &self->named));
    CHECK_OK(name_book_make(self->engine->name_book(self->store), text(GOLDEN_DROPPED), 0, &id));
    CHECK_OK(self->engine->named_new(self->store, id, &named));
    CHECK_OK(self->engine->named->put(named, text("key-1"), text("is not to come back"), 0, 0));
    self->engine->named->free(named);
}

static void free_name(golden *self)
{
    if (self->named != NULL) {
        self->engine->named->free(self->named);
        self->named = NULL;
    }
}

static void open_name_again(golden *self)
{
    uint32_t id;
    if (self->name_id != 0) {
        CHECK_OK(name_book_find(self->engine->name_book(self->store), text(GOLDEN_NAME), &id));
        CHECK_EQUAL(self->name_id, id);
        CHECK_OK(self->engine->named_new(self->store, id, &self->named));
    }
}

static void maintain(golden *self)
{
    for (int i = 0; i < STEPS; i++) {
        int32_t more;
        env_memory_advance(self->disk, STEP_US, 0);
        CHECK_OK(self->engine->maintain_step(self->store, PYKV_ROLE_LOG, &more));
        CHECK_OK(self->engine->maintain_step(self->store, PYKV_ROLE_DATA, &more));
    }
}

/* ---- files ---- */

static void list_files(golden *self)
{
    env_names names;
    CHECK_OK(env_memory_paths(self->disk, &names));
    for (size_t i = 0; i < names.count; i++) {
        golden_file *file = &self->files[self->file_count];
        uint8_t *data;
        CHECK(self->file_count < GOLDEN_FILES_MAX);
        /* One holds a hint for people only, the other blocks and nothing. */
        if (strstr(names.names[i], "/LOCK") == NULL &&
            strstr(names.names[i], ".spare.tmp") == NULL) {
            snprintf(file->path, sizeof file->path, "%s", names.names[i]);
            CHECK_OK(env_memory_file_bytes(self->disk, file->path, &data, &file->size));
            self->file_count += file->size > 0; /* an empty one has no bits: it is a mark */
        }
    }
    env_names_free(&names);
}

uint32_t golden_key_at(const golden *self, const golden_file *file, uint64_t offset,
                       bool *clear_out)
{
    uint8_t *data;
    uint64_t size;
    log_segment_header header;
    uint64_t at = LOG_SEGMENT_HEADER_BYTES;
    *clear_out = false;
    CHECK_OK(env_memory_file_bytes(self->disk, file->path, &data, &size));
    if (offset < at || log_segment_decode(data, size, file->path, &header) != PYKV_OK) {
        return GOLDEN_KEYS;
    }
    while (at <= offset) {
        record found;
        if (record_decode(data + at, size - at, record_seed(header.file_id), at, true, &found) !=
            RECORD_VALID) {
            return GOLDEN_KEYS; /* behind the records */
        }
        at += record_bytes(found.flags, found.key.size, found.value.size);
        if (at > offset) {
            *clear_out = found.kind == RECORD_CLEAR || found.kind == RECORD_DICTIONARY;
            return *clear_out ? GOLDEN_KEYS : golden_index(found.key);
        }
    }
    return GOLDEN_KEYS;
}

/* ---- the whole ---- */

/* What a Bitcask has merged until now is packed, and stays so until it is merged again. */
static void reopen(golden *self)
{
    pykv_options options = golden_options(self->engine);
    if (self->engine == &engine_bitcask) {
        CHECK_OK(self->engine->close(self->store, -1));
        free_name(self);
        self->engine->free(self->store);
        CHECK_OK(self->engine->open(self->disk, GOLDEN_PATH, &options, &self->store));
        open_name_again(self);
    }
}

static void write_sealed_part(golden *self, golden_kind kind)
{
    put_all(self, 0, 5);
    clear(self);
    if (self->engine == &engine_lsm || kind == GOLDEN_NAMED) {
        make_names(self);
    }
    put_all(self, 1, 6);
    delete_key(self, 5);
    CHECK_OK(self->engine->flush(self->store));
    put_all(self, 1, 3);
    CHECK_OK(self->engine->compact(self->store, NULL, NULL));
    reopen(self);
    put_all(self, 5, 9);
    put(self, 0);
    if (kind == GOLDEN_PACKED) {
        pin_history(self);
    }
    CHECK_OK(self->engine->flush(self->store));
    maintain(self);
    write_batch(self, 9, 3, 10);
    if (self->name_id != 0) {
        uint32_t id;
        CHECK_OK(
            name_book_drop(self->engine->name_book(self->store), text(GOLDEN_DROPPED), 0, &id));
    }
    delete_key(self, 6);
    put(self, 7);
    CHECK_OK(self->engine->flush(self->store));
    maintain(self);
    put(self, 11);
    if (self->engine == &engine_lsm) {
        delete_range(self);
    }
    write_batch(self, 1, 8, 12);
}

static void remove_image(golden *self)
{
    env_directory *home;
    CHECK_OK(env_directory_open(self->disk, GOLDEN_PATH, false, &home));
    CHECK_OK(env_unlink(home, "KEYDIR"));
    env_directory_close(home);
}

pykv_options golden_options(const engine_ops *engine)
{
    pykv_options options = {.log_sink = PYKV_LOG_PWRITE};
    if (engine == &engine_bitcask) {
        options.segment_bytes = 4096;
    } else {
        options.memory_budget_bytes = 16 << 20;
        options.memtable_bytes = 64 << 10;
        options.table_bytes = 64 << 10;
        options.value_log_bytes_min = VALUE_LOG_BYTES_MIN;
        options.block_bytes = 1024;
    }
    return options;
}

void golden_make(golden *self, const engine_ops *engine, golden_kind kind)
{
    pykv_options options = golden_options(engine);
    pykv_codec runs = runs_given();
    CHECK_OK(codec_registry_set(&runs));
    bool is_packed = engine == &engine_bitcask || kind == GOLDEN_PACKED;
    options.compression = is_packed ? PYKV_CODEC_ZSTD : PYKV_CODEC_NONE;
    *self = (golden){.engine = engine};
    CHECK_OK(env_memory_new(1, GOLDEN_FILE_BYTES_MAX, &self->disk));
    CHECK_OK(self->engine->open(self->disk, GOLDEN_PATH, &options, &self->store));
    write_sealed_part(self, kind);
    CHECK_OK(self->engine->sync(self->store));
    self->durable = self->commit;
    put(self, 2); /* its record says what was synced */
    if (kind != GOLDEN_KILLED) {
        CHECK_OK(self->engine->close(self->store, -1));
    } else {
        delete_key(self, 9);
        write_batch(self, 4, 10, 3);
        put(self, 6);
    }
    free_name(self);
    self->engine->free(self->store);
    self->store = NULL;
    if (kind == GOLDEN_WITHOUT_IMAGE) {
        remove_image(self);
    }
    list_files(self);
}

void golden_free(golden *self)
{
    self->engine->free(self->store);
    env_memory_free(self->disk);
}
