/*
 * read: get and contains. The hot path takes no lock, makes no copy and calls no system.
 */
#include "base/cycles.h"
#include "bitcask/bitcask.h"
#include "bitcask/directory.h"
#include "bitcask/find.h"
#include "bitcask/image.h"
#include "bitcask/key_hash.h"
#include "bitcask/named.h"
#include "bitcask/unpack.h"

enum { READ_ATTEMPTS = 4 };

static inline void count_one(_Atomic uint64_t *counter)
{
    uint64_t count = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, count + 1, memory_order_relaxed);
}

/* A find that may wait: by pread, and under the writer lock when changes keep overtaking it. */
static pykv_status find_patiently(bitcask *self, space *within, uint64_t hash, slice key,
                                  bool check_body, buffer *scratch, keydir_cursor *cursor_out,
                                  record *out)
{
    pykv_status status = bitcask_check_image(self, within, hash);
    for (int attempt = 0; status == PYKV_OK && attempt < READ_ATTEMPTS; attempt++) {
        pykv_status found = bitcask_find(self, directory_now(&within->directory), hash, key,
                                         READ_COLD, check_body, scratch, cursor_out, out);
        if (found != PYKV_WOULD_BLOCK) {
            return found;
        }
    }
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(&self->writer);
    status = bitcask_find(self, directory_now(&within->directory), hash, key, READ_COLD_LOCKED,
                          check_body, scratch, cursor_out, out);
    mutex_unlock(&self->writer);
    return status;
}

/* What a find found, as a user sees it. */
static inline pykv_status if_alive(bitcask *self, pykv_status status, const record *found)
{
    bool gone = status == PYKV_OK && store_clock_has_passed(&self->clock, found->deadline_us);
    return PYKV_UNLIKELY(gone) ? PYKV_NOT_FOUND : status;
}

/* What a get gives of a packed record at address. */
static pykv_status get_packed(bitcask *self, uint64_t address, int32_t flags, record *found,
                              pykv_pinned *pinned_out)
{
    pykv_status status = bitcask_pin_unpacked(self, address, flags, found, pinned_out);
    if (status == PYKV_OK) {
        count_one(&self->counters.get_hit_count);
    }
    return status;
}

static pykv_status get_patiently(bitcask *self, space *within, uint64_t hash, slice key,
                                 pykv_pinned *pinned_out)
{
    buffer scratch = BUFFER_EMPTY;
    keydir_cursor cursor;
    record found;
    pykv_status status = find_patiently(self, within, hash, key, true, &scratch, &cursor, &found);
    status = if_alive(self, status, &found);
    if (status != PYKV_OK || record_is_packed(&found)) {
        status =
            status == PYKV_OK ? get_packed(self, cursor.address, 0, &found, pinned_out) : status;
        buffer_reset(&scratch);
        return status;
    }
    count_one(&self->counters.get_hit_count);
    pinned_out->data = found.value.data;
    pinned_out->length = found.value.size;
    pinned_out->owned = scratch.data;
    return PYKV_OK;
}

/* As bitcask_find in hot mode, timed now and then. */
static pykv_status find_hot(bitcask *self, const space *within, uint64_t hash, slice key,
                            bool check_body, keydir_cursor *cursor_out, record *out)
{
    bool timed = bitcask_times_access(self);
    uint64_t began = timed ? cycles_now() : 0;
    pykv_status status = bitcask_find(self, directory_now(&within->directory), hash, key, READ_HOT,
                                      check_body, NULL, cursor_out, out);
    if (PYKV_UNLIKELY(timed)) {
        bitcask_note_access(self, cycles_now() - began, ACCESS_SAMPLE);
    }
    return status;
}

static inline pykv_status get(bitcask *self, space *within, slice key, int32_t flags,
                              pykv_pinned *pinned_out)
{
    uint64_t hash = bitcask_hash(self, key.data, key.size);
    pykv_status status = PYKV_WOULD_BLOCK;
    if (PYKV_LIKELY(bitcask_read_mode(self) == READ_HOT)) {
        keydir_cursor cursor;
        record found;
        status = find_hot(self, within, hash, key, true, &cursor, &found);
        status = if_alive(self, status, &found);
        if (PYKV_UNLIKELY(status == PYKV_OK && record_is_packed(&found))) {
            status = get_packed(self, cursor.address, flags, &found, pinned_out);
        } else if (PYKV_LIKELY(status == PYKV_OK)) {
            count_one(&self->counters.get_count);
            count_one(&self->counters.get_hit_count);
            pinned_out->data = found.value.data;
            pinned_out->length = found.value.size;
            pinned_out->owned = NULL;
            return PYKV_OK;
        }
    }
    if (status == PYKV_WOULD_BLOCK && (flags & PYKV_NO_WAIT) != 0) {
        return status; /* who asked asks again */
    }
    count_one(&self->counters.get_count);
    return status != PYKV_WOULD_BLOCK ? status : get_patiently(self, within, hash, key, pinned_out);
}

pykv_status bitcask_get(bitcask *self, slice key, int32_t flags, pykv_pinned *pinned_out)
{
    return get(self, &self->spaces.main, key, flags, pinned_out);
}

pykv_status bitcask_get_in(bitcask *self, space *within, slice key, int32_t flags,
                           pykv_pinned *pinned_out)
{
    return get(self, within, key, flags, pinned_out);
}

uint64_t bitcask_now(bitcask *self)
{
    return store_clock_now(&self->clock);
}

uint64_t bitcask_deadline(bitcask *self, uint64_t life_us)
{
    return store_clock_deadline(&self->clock, life_us);
}

pykv_status bitcask_contains(bitcask *self, slice key, int32_t flags)
{
    uint64_t deadline_us;
    return bitcask_expires_at(self, key, flags, &deadline_us);
}

pykv_status bitcask_expires_at(bitcask *self, slice key, int32_t flags, uint64_t *deadline_us_out)
{
    return bitcask_expires_at_in(self, &self->spaces.main, key, flags, deadline_us_out);
}

pykv_status bitcask_expires_at_in(bitcask *self, space *within, slice key, int32_t flags,
                                  uint64_t *deadline_us_out)
{
    uint64_t hash = bitcask_hash(self, key.data, key.size);
    record found = {.deadline_us = 0};
    keydir_cursor cursor;
    pykv_status status = PYKV_WOULD_BLOCK;
    count_one(&self->counters.get_count);
    if (bitcask_read_mode(self) == READ_HOT) {
        status = find_hot(self, within, hash, key, false, &cursor, &found);
    }
    if (status == PYKV_WOULD_BLOCK && (flags & PYKV_NO_WAIT) == 0) {
        buffer scratch = BUFFER_EMPTY;
        status = find_patiently(self, within, hash, key, false, &scratch, &cursor, &found);
        buffer_reset(&scratch);
    }
    status = if_alive(self, status, &found);
    if (status == PYKV_OK) {
        *deadline_us_out = found.deadline_us;
    }
    return status;
}
