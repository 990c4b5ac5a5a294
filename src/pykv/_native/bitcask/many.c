/*
 * many: many keys at once. Four stages run some keys ahead of each other, so that the cache misses
 * of different keys overlap: hash and bucket, line, candidate and its record, comparison.
 * Whether all of it was of one moment is asked once, at the end.
 *
 * A batch is seen whole or not at all: if one was published meanwhile the lookup begins again, at
 * last under the writer lock.
 */
#include "base/cycles.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/address.h"
#include "bitcask/directory.h"
#include "bitcask/find.h"
#include "bitcask/image.h"
#include "bitcask/key_hash.h"
#include "bitcask/keydir_moment.h"
#include "bitcask/keydir_probe.h"
#include "bitcask/many_state.h"
#include "bitcask/named.h"
#include "bitcask/unpack.h"

enum { MANY_ATTEMPTS = 3 };

/* How many keys a stage is ahead of the last one. */
enum { MANY_AHEAD_HASH = 32, MANY_AHEAD_LINE = 20, MANY_AHEAD_CANDIDATE = 10 };

pykv_status many_new_in(bitcask *store, space *within, many **many_out)
{
    many *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->store = store;
    self->within = within;
    *many_out = self;
    return PYKV_OK;
}

pykv_status many_new(bitcask *store, many **many_out)
{
    return many_new_in(store, &store->spaces.main, many_out);
}

static void free_unpacked(many *self)
{
    uint8_t **blocks = (uint8_t **)(void *)self->unpacked.data;
    for (size_t i = 0; i < self->unpacked.size / sizeof *blocks; i++) {
        mem_free(blocks[i]);
    }
    buffer_clear(&self->unpacked);
}

void many_release(many *self)
{
    if (self->inside) {
        epoch_leave(&self->store->gate.readers, self->token);
        self->inside = false;
    }
    buffer_clear(&self->copies);
    free_unpacked(self);
    self->count = 0;
}

void many_free(many *self)
{
    if (self != NULL) {
        many_release(self);
        buffer_reset(&self->copies);
        buffer_reset(&self->unpacked);
        mem_free(self->values);
        mem_free(self->lengths);
        mem_free(self->keys);
        mem_free(self);
    }
}

static pykv_status reserve(many *self, size_t count)
{
    if (count <= self->capacity) {
        return PYKV_OK;
    }
    mem_free(self->values);
    mem_free(self->lengths);
    mem_free(self->keys);
    self->capacity = 0;
    self->values = mem_alloc(count * sizeof *self->values);
    self->lengths = mem_alloc(count * sizeof *self->lengths);
    self->keys = mem_alloc(count * sizeof *self->keys);
    if (self->values == NULL || self->lengths == NULL || self->keys == NULL) {
        return error_set_no_memory(count * sizeof *self->keys);
    }
    self->capacity = count;
    return PYKV_OK;
}

/* Hashes the keys up to end and starts loading their buckets. */
static void hash_through(many *self, const directory *now, const void *const *keys,
                         const size_t *key_lengths, size_t end)
{
    end = end < self->count ? end : self->count;
    for (; self->hashed < end; self->hashed++) {
        size_t i = self->hashed;
        uint64_t hash = bitcask_hash(self->store, keys[i], key_lengths[i]);
        keydir_probe_bucket(now->keys, hash, &self->keys[i].probe);
    }
}

static void line_through(many *self, const directory *now, size_t end)
{
    end = end < self->count ? end : self->count;
    for (; self->lined < end; self->lined++) {
        keydir_probe_line(now->keys, &self->keys[self->lined].probe);
    }
}

/* All the way, for a key whose home line does not tell. */
static uint64_t walk(const directory *now, uint64_t hash)
{
    keydir_cursor cursor;
    if (!keydir_find(now->keys, hash, &cursor)) {
        return KEYDIR_PROBE_UNKNOWN;
    }
    return keydir_next(&cursor) ? cursor.address : KEYDIR_PROBE_ABSENT;
}

/* Finds the first candidates of keys up to end and calls for their records. */
static void walk_through(many *self, const directory *now, size_t end)
{
    end = end < self->count ? end : self->count;
    for (; self->walked < end; self->walked++) {
        many_key *key = &self->keys[self->walked];
        key->holder = NULL;
        key->address = keydir_probe_candidate(&key->probe);
        if (PYKV_UNLIKELY(key->address == KEYDIR_PROBE_UNKNOWN)) {
            key->address = walk(now, key->probe.hash);
        }
        if (key->address < KEYDIR_PROBE_UNKNOWN) {
            key->holder = bitcask_call_for_record(self->store, key->address);
        }
    }
}

/* Never NULL for a value. */
static const uint8_t *not_null(const uint8_t *data)
{
    static const uint8_t empty[1] = {0};
    return PYKV_LIKELY(data != NULL) ? data : empty;
}

/* Restores the value of a packed record at address into memory that stays until the release. */
static pykv_status unpack(many *self, uint64_t address, record *found)
{
    buffer room = BUFFER_EMPTY;
    bool may_wait = (self->flags & PYKV_NO_WAIT) == 0;
    pykv_status status = buffer_reserve(&self->unpacked, sizeof room.data);
    self->restored_bytes += packed_value_plain_length(found->value);
    if (status == PYKV_OK) {
        bool is_much = self->restored_bytes > UNPACK_AT_ONCE_BYTES_MAX && !PYKV_PLANTED(397);
        status = is_much && !may_wait
                     ? PYKV_WOULD_BLOCK
                     : bitcask_unpack(self->store, address, self->flags, found, &room);
        self->refused = status == PYKV_WOULD_BLOCK && !may_wait;
    }
    if (room.data != NULL) {
        pykv_status kept = buffer_append(&self->unpacked, &room.data, sizeof room.data);
        PYKV_ASSERT(kept == PYKV_OK);
    }
    return status;
}

pykv_status many_set_found(many *self, size_t index, pykv_status status, uint64_t address,
                           record *found)
{
    if (PYKV_UNLIKELY(status == PYKV_OK && record_is_packed(found))) {
        status = unpack(self, address, found);
    }
    if (PYKV_LIKELY(status == PYKV_OK)) {
        self->values[index] = not_null(found->value.data);
        self->lengths[index] = found->value.size;
        self->hits++;
        return PYKV_OK;
    }
    self->values[index] = NULL;
    self->lengths[index] = 0;
    return status == PYKV_NOT_FOUND ? PYKV_OK : status;
}

/* The same of a record of now, if it has not expired. */
static inline pykv_status set_result(many *self, size_t index, pykv_status status, uint64_t address,
                                     record *found)
{
    bool gone = PYKV_LIKELY(status == PYKV_OK) &&
                store_clock_has_passed(&self->store->clock, found->deadline_us);
    return many_set_found(self, index, gone ? PYKV_NOT_FOUND : status, address, found);
}

/* Looks a key up where its walk led; all the way if that was to another key's record, or nowhere
 * for sure. */
static pykv_status look_up_walked(many *self, directory *now, const many_key *at, slice key,
                                  uint64_t *address_out, record *found)
{
    if (PYKV_LIKELY(at->holder != NULL) &&
        PYKV_LIKELY(segment_peek(at->holder, bitcask_offset(at->holder, at->address), true,
                                 found) == PYKV_OK &&
                    slice_equal(found->key, key))) {
        *address_out = at->address;
        return PYKV_OK;
    }
    if (at->address == KEYDIR_PROBE_ABSENT) {
        return PYKV_NOT_FOUND;
    }
    keydir_cursor cursor = {.address = 0};
    pykv_status status =
        bitcask_find(self->store, now, at->probe.hash, key, READ_HOT, true, NULL, &cursor, found);
    *address_out = cursor.address;
    return status;
}

void many_begin_walk(many *self)
{
    self->hashed = 0;
    self->lined = 0;
    self->walked = 0;
    self->hits = 0;
}

void many_walk_on(many *self, const directory *now, const void *const *keys,
                  const size_t *key_lengths, size_t end)
{
    hash_through(self, now, keys, key_lengths, end + MANY_AHEAD_HASH);
    line_through(self, now, end + MANY_AHEAD_LINE);
    walk_through(self, now, end + MANY_AHEAD_CANDIDATE);
}

/* Looks every key up once, all in one directory. PYKV_WOULD_BLOCK: begin again. */
static pykv_status look_up_hot(many *self, directory *now, const void *const *keys,
                               const size_t *key_lengths)
{
    pykv_status status = PYKV_OK;
    many_begin_walk(self);
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        record found;
        uint64_t address = 0;
        many_walk_on(self, now, keys, key_lengths, i);
        slice key = slice_make(keys[i], key_lengths[i]);
        status = look_up_walked(self, now, &self->keys[i], key, &address, &found);
        status = set_result(self, i, status, address, &found);
    }
    return status;
}

pykv_status many_keep_copy(many *self, size_t index, slice value)
{
    self->values[index] = (const uint8_t *)(uintptr_t)(self->copies.size + 1);
    return buffer_append(&self->copies, value.data, value.size);
}

void many_point_to_copies(many *self)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->values[i] != NULL) {
            uintptr_t offset = (uintptr_t)self->values[i] - 1;
            self->values[i] =
                not_null(self->copies.data != NULL ? self->copies.data + offset : NULL);
        }
    }
}

/* The same by pread. The writer lock is held and pages of an image are checked. */
static pykv_status look_up_cold(many *self, directory *now, const void *const *keys,
                                const size_t *key_lengths, buffer *scratch)
{
    pykv_status status = PYKV_OK;
    self->hits = 0;
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        keydir_cursor cursor = {.address = 0};
        record found;
        status = bitcask_find(self->store, now, self->keys[i].probe.hash,
                              slice_make(keys[i], key_lengths[i]), READ_COLD_LOCKED, true, scratch,
                              &cursor, &found);
        status = set_result(self, i, status, cursor.address, &found);
        if (status == PYKV_OK && self->values[i] != NULL) {
            status = many_keep_copy(self, i, found.value);
        }
    }
    if (status == PYKV_OK) {
        many_point_to_copies(self);
    }
    return status;
}

static pykv_status get_hot(many *self, const void *const *keys, const size_t *key_lengths)
{
    pykv_status status = PYKV_WOULD_BLOCK;
    for (int attempt = 0; attempt < MANY_ATTEMPTS && status == PYKV_WOULD_BLOCK && !self->refused;
         attempt++) {
        /* A clear brings another directory, whose moments are its own; this one changes no more
         * then. */
        directory *now = directory_now(&self->within->directory);
        uint32_t before = keydir_moment(now->keys);
        if ((before & 1) != 0) {
            continue;
        }
        uint64_t began = cycles_now();
        status = look_up_hot(self, now, keys, key_lengths);
        bitcask_note_access(self->store, (cycles_now() - began) / (self->count + 1), 1);
        if (!keydir_is_moment(now->keys, before) && !PYKV_PLANTED(105)) {
            status = PYKV_WOULD_BLOCK;
        }
    }
    return status;
}

/* By pread, with the writer lock held so that no batch is published meanwhile. */
static pykv_status get_cold(many *self, const void *const *keys, const size_t *key_lengths)
{
    buffer scratch = BUFFER_EMPTY;
    pykv_status status = PYKV_OK;
    buffer_clear(&self->copies);
    self->hashed = 0;
    mutex_lock(&self->store->writer);
    directory *now = directory_now_locked(&self->within->directory);
    hash_through(self, now, keys, key_lengths, self->count);
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        status = bitcask_check_image_locked(self->store, self->within, self->keys[i].probe.hash);
    }
    if (status == PYKV_OK) {
        status = look_up_cold(self, directory_now(&self->within->directory), keys, key_lengths,
                              &scratch);
    }
    mutex_unlock(&self->store->writer);
    buffer_reset(&scratch);
    return status;
}

pykv_status many_begin(many *self, size_t count, int32_t flags)
{
    many_release(self);
    pykv_status status = reserve(self, count);
    if (status != PYKV_OK) {
        return status;
    }
    self->count = count;
    self->flags = flags;
    self->refused = false;
    self->restored_bytes = 0;
    self->token = epoch_enter(&self->store->gate.readers);
    self->inside = true;
    return PYKV_OK;
}

pykv_status many_finish(many *self, pykv_status status)
{
    if (status != PYKV_WOULD_BLOCK) { /* else who asked asks again */
        atomic_fetch_add_explicit(&self->store->counters.get_count, self->count,
                                  memory_order_relaxed);
    }
    if (status != PYKV_OK) {
        many_release(self);
        return status;
    }
    atomic_fetch_add_explicit(&self->store->counters.get_hit_count, self->hits,
                              memory_order_relaxed);
    return PYKV_OK;
}

pykv_status many_get(many *self, size_t count, const void *const *keys, const size_t *key_lengths,
                     int32_t flags)
{
    pykv_status status = many_begin(self, count, flags);
    if (status != PYKV_OK) {
        return status;
    }
    status = PYKV_WOULD_BLOCK;
    if (bitcask_read_mode(self->store) == READ_HOT) {
        status = get_hot(self, keys, key_lengths);
    }
    if (status == PYKV_WOULD_BLOCK && (flags & PYKV_NO_WAIT) == 0) {
        status = get_cold(self, keys, key_lengths);
    }
    return many_finish(self, status);
}

const uint8_t *const *many_values(const many *self)
{
    return self->values;
}

const size_t *many_lengths(const many *self)
{
    return self->lengths;
}
