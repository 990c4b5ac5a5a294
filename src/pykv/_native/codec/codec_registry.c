/*
 * codec_registry: a table of entries that only grows, and which of them is in force for each id.
 */
#include "codec/codec_registry.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "codec/codec_library.h"
#include "codec/codec_zstd.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/mutex.h"

_Static_assert((int)PYKV_CODEC_NONE == (int)CODEC_NONE, "the public number is that of files");
_Static_assert((int)PYKV_CODEC_ZSTD == (int)CODEC_ZSTD, "the public number is that of files");
_Static_assert((int)PYKV_CODEC_ID_MAX == CODEC_COUNT - 1, "every number may be set");

typedef struct registry_entry {
    codec face; /* of a codec that was given; that of zstd stands in zstd */
    pykv_codec given;
    codec_zstd zstd;
    bool is_zstd; /* made of the functions of a libzstd */
    char name[CODEC_PROVIDER_NAME_BYTES];
} registry_entry;

static mutex registry_lock = {PTHREAD_MUTEX_INITIALIZER};
static registry_entry entries[CODEC_REGISTRY_COUNT_MAX] GUARDED_BY(registry_lock);
static size_t entry_count GUARDED_BY(registry_lock);
/* Written under the lock, read without it: a forked child may find the lock taken. */
static _Atomic(const codec *) in_force[CODEC_COUNT];
static _Atomic bool zstd_decided; /* set or taken away by someone */

/* ---- a codec that was given ---- */

static size_t given_bound(void *context, size_t size)
{
    const pykv_codec *given = &((const registry_entry *)context)->given;
    return given->bound != NULL ? given->bound(given->context, size) : size + size / 128 + 512;
}

/* The detail of a failure of functions that cannot give one, or that return what is no status. */
static pykv_status given_failure(const registry_entry *self, pykv_status status, const char *what)
{
    int number = (int)status;
    if (status != PYKV_CORRUPTION && status != PYKV_NO_MEMORY) {
        status = PYKV_INTERNAL;
    }
    return error_set(status, "the codec %s failed to %s (status %d)", self->name, what, number);
}

static pykv_status given_compress(void *context, int level, const uint8_t *data, size_t size,
                                  uint8_t *out, size_t *size_out)
{
    const registry_entry *self = context;
    size_t made = 0;
    pykv_status status = self->given.compress(self->given.context, level, data, size, out, &made);
    if (status != PYKV_OK || made > given_bound(context, size)) {
        return given_failure(self, status, "compress");
    }
    *size_out = made;
    return PYKV_OK;
}

static pykv_status given_decompress(void *context, const uint8_t *data, size_t size, uint8_t *out,
                                    size_t raw_size)
{
    const registry_entry *self = context;
    pykv_status status = self->given.decompress(self->given.context, data, size, out, raw_size);
    return status == PYKV_OK ? PYKV_OK : given_failure(self, status, "decompress");
}

/* ---- its dictionaries: copies of their bytes ---- */

typedef struct given_dictionary {
    int level;
    size_t size;
    uint8_t data[];
} given_dictionary;

static pykv_status given_train(void *context, const uint8_t *samples, const size_t *sizes,
                               uint32_t count, uint8_t *out, size_t capacity, size_t *size_out)
{
    const registry_entry *self = context;
    size_t made = 0;
    pykv_status status =
        self->given.train(self->given.context, samples, sizes, count, out, capacity, &made);
    if (status == PYKV_NOT_FOUND) {
        return status;
    }
    if (status != PYKV_OK || made > capacity) {
        return given_failure(self, status, "train");
    }
    *size_out = made;
    return PYKV_OK;
}

static pykv_status given_make_ready(void *context, bool packs, int level, const uint8_t *data,
                                    size_t size, void **ready_out)
{
    given_dictionary *made = mem_alloc(sizeof *made + size);
    (void)context;
    (void)packs;
    if (made == NULL) {
        return error_set_no_memory(sizeof *made + size);
    }
    made->level = level;
    made->size = size;
    memcpy(made->data, data, size);
    *ready_out = made;
    return PYKV_OK;
}

static void given_close_ready(void *context, void *ready)
{
    (void)context;
    mem_free(ready);
}

static pykv_status given_compress_with(void *context, void *ready, const uint8_t *data, size_t size,
                                       uint8_t *out, size_t *size_out)
{
    const registry_entry *self = context;
    const given_dictionary *with = ready;
    size_t made = 0;
    pykv_status status = self->given.compress_with(self->given.context, with->level, with->data,
                                                   with->size, data, size, out, &made);
    if (status != PYKV_OK || made > given_bound(context, size)) {
        return given_failure(self, status, "compress");
    }
    *size_out = made;
    return PYKV_OK;
}

static pykv_status given_decompress_with(void *context, void *ready, const uint8_t *data,
                                         size_t size, uint8_t *out, size_t raw_size)
{
    const registry_entry *self = context;
    const given_dictionary *with = ready;
    pykv_status status = self->given.decompress_with(self->given.context, with->data, with->size,
                                                     data, size, out, raw_size);
    return status == PYKV_OK ? PYKV_OK : given_failure(self, status, "decompress");
}

/* The functions of a face for what is given of dictionaries. */
static void add_dictionaries(codec *face, const pykv_codec *given)
{
    if (given->decompress_with == NULL) {
        return;
    }
    face->make_ready = given_make_ready;
    face->close_ready = given_close_ready;
    face->decompress_with = given_decompress_with;
    if (given->train != NULL && given->compress_with != NULL) {
        face->train = given_train;
        face->compress_with = given_compress_with;
    }
}

/* ---- entries ---- */

static void copy_name(registry_entry *self, const char *name)
{
    strncpy(self->name, name != NULL ? name : "", sizeof self->name - 1);
    self->name[sizeof self->name - 1] = '\0';
}

static bool same_codec(const registry_entry *entry, const pykv_codec *given)
{
    const pykv_codec *known = &entry->given;
    return !entry->is_zstd && known->id == given->id && known->context == given->context &&
           known->bound == given->bound && known->compress == given->compress &&
           known->decompress == given->decompress && known->train == given->train &&
           known->compress_with == given->compress_with &&
           known->decompress_with == given->decompress_with;
}

/* The next entry, cleared; NULL with the error set: there are too many. */
static registry_entry *new_entry(void) REQUIRES(registry_lock)
{
    if (entry_count == CODEC_REGISTRY_COUNT_MAX) {
        (void)error_set(PYKV_NO_MEMORY, "at most %d different codecs are set in a process",
                        (int)CODEC_REGISTRY_COUNT_MAX);
        return NULL;
    }
    registry_entry *entry = &entries[entry_count];
    memset(entry, 0, sizeof *entry);
    return entry;
}

static void put_in_force(uint8_t id, const codec *face) REQUIRES(registry_lock)
{
    atomic_store(&in_force[id], face);
    if (id == CODEC_ZSTD) {
        atomic_store(&zstd_decided, true);
    }
}

static pykv_status set_locked(const pykv_codec *given) REQUIRES(registry_lock)
{
    uint8_t id = (uint8_t)given->id;
    for (size_t i = 0; i < entry_count; i++) {
        if (same_codec(&entries[i], given)) {
            put_in_force(id, &entries[i].face);
            return PYKV_OK;
        }
    }
    registry_entry *entry = new_entry();
    if (entry == NULL) {
        return PYKV_NO_MEMORY;
    }
    entry->given = *given;
    entry->given.name = entry->name;
    copy_name(entry, given->name);
    entry->face = (codec){.id = id,
                          .name = entry->name,
                          .context = entry,
                          .bound = given_bound,
                          .compress = given_compress,
                          .decompress = given_decompress};
    add_dictionaries(&entry->face, given);
    entry_count++;
    put_in_force(id, &entry->face);
    return PYKV_OK;
}

pykv_status codec_registry_set(const pykv_codec *given)
{
    if (given->id <= PYKV_CODEC_NONE || given->id > PYKV_CODEC_ID_MAX) {
        return error_set(PYKV_INVALID_ARGUMENT, "a codec has no number %d", (int)given->id);
    }
    if ((given->compress == NULL) != (given->decompress == NULL)) {
        return error_set(PYKV_INVALID_ARGUMENT, "a codec compresses and decompresses, or neither");
    }
    pykv_status status = PYKV_OK;
    mutex_lock(&registry_lock);
    if (given->compress == NULL) {
        put_in_force((uint8_t)given->id, NULL);
    } else {
        status = set_locked(given);
    }
    mutex_unlock(&registry_lock);
    return status;
}

/* ---- zstd ---- */

/* All functions, or all but those of dictionaries. */
static bool has_all(const pykv_zstd *functions)
{
    enum {
        COUNT = sizeof *functions / sizeof(void *),
        PLAIN_COUNT = offsetof(pykv_zstd, create_cdict) / sizeof(void *)
    };
    void *addresses[COUNT];
    size_t plain = 0;
    size_t others = 0;
    memcpy(addresses, functions, sizeof addresses);
    for (size_t i = 0; i < COUNT; i++) {
        plain += i < PLAIN_COUNT && addresses[i] != NULL;
        others += i >= PLAIN_COUNT && addresses[i] != NULL;
    }
    return plain == PLAIN_COUNT && (others == 0 || others == COUNT - PLAIN_COUNT);
}

static pykv_status set_zstd_locked(const pykv_zstd *functions, const char *name)
    REQUIRES(registry_lock)
{
    for (size_t i = 0; i < entry_count; i++) {
        if (entries[i].is_zstd &&
            memcmp(&entries[i].zstd.functions, functions, sizeof *functions) == 0) {
            put_in_force(CODEC_ZSTD, &entries[i].zstd.face);
            return PYKV_OK;
        }
    }
    registry_entry *entry = new_entry();
    if (entry == NULL) {
        return PYKV_NO_MEMORY;
    }
    entry->is_zstd = true;
    copy_name(entry, name);
    pykv_status status = codec_zstd_init(&entry->zstd, functions, entry->name);
    if (status == PYKV_OK) {
        entry_count++;
        put_in_force(CODEC_ZSTD, &entry->zstd.face);
    }
    return status;
}

pykv_status codec_registry_set_zstd(const pykv_zstd *functions, const char *name)
{
    if (!has_all(functions)) {
        return error_set(PYKV_INVALID_ARGUMENT, "a function of zstd is missing");
    }
    mutex_lock(&registry_lock);
    pykv_status status = set_zstd_locked(functions, name);
    mutex_unlock(&registry_lock);
    return status;
}

pykv_status codec_registry_load_zstd(const char *library)
{
    pykv_zstd functions;
    const char *name = library != NULL ? library : codec_library_default();
    pykv_status status = codec_library_load(name, &functions);
    return status == PYKV_OK ? codec_registry_set_zstd(&functions, name) : status;
}

/* ---- use ---- */

const char *codec_registry_provider(int32_t id)
{
    if (id == PYKV_CODEC_NONE) {
        return codec_none()->name;
    }
    if (id < PYKV_CODEC_NONE || id > PYKV_CODEC_ID_MAX) {
        return NULL;
    }
    const codec *found = atomic_load(&in_force[id]);
    return found != NULL ? found->name : NULL;
}

codec_table codec_registry_table(void)
{
    if (!atomic_load(&zstd_decided)) {
        /* Without a library zstd stays undecided, and the table without it. */
        (void)(codec_registry_load_zstd(NULL) == PYKV_OK);
    }
    codec_table made = codec_table_make();
    for (size_t i = CODEC_NONE + 1; i < CODEC_COUNT; i++) {
        made.codecs[i] = atomic_load(&in_force[i]);
    }
    return made;
}
