/*
 * moment_find: which record a moment shows of a key.
 *
 * Of all addresses that slots and undo entries of a hash lead to, those in pinned bytes are looked
 * at. At most one of them holds a record of the key that was current: a slot never goes back to an
 * older record, and a merge points it to bytes that are not pinned.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "bitcask/address.h"
#include "bitcask/image.h"
#include "bitcask/keydir_image_pages.h"
#include "bitcask/moment.h"

enum { FIND_ATTEMPTS = 4 };

/* A key that is looked up at a moment. */
typedef struct lookup {
    const store_moment *at;
    uint64_t hash;
    slice key;
    read_mode mode;
    bool check_body;
    buffer *scratch;
    record *out;
    segment *holder; /* where look_at looked last, */
    uint64_t address;
} lookup;

const pinned_segment *moment_pinned_at(const store_moment *self, uint64_t address)
{
    size_t low = 0;
    size_t high = self->pinned_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->pinned[middle].source->address_base <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return NULL;
    }
    const pinned_segment *found = &self->pinned[low - 1];
    bool before = bitcask_offset(found->source, address) < found->length;
    return before || PYKV_PLANTED(186) ? found : NULL;
}

static pykv_status read_at(const lookup *self, const segment *source, uint64_t offset)
{
    if (PYKV_LIKELY(self->mode == READ_HOT)) {
        return segment_is_mapped(source) ? segment_peek(source, offset, self->check_body, self->out)
                                         : PYKV_WOULD_BLOCK;
    }
    return segment_read(source, offset, self->check_body, self->scratch, self->out);
}

/* PYKV_OK: address holds the record of the key that the moment shows; PYKV_NOT_FOUND: it does not,
 * and another one may. */
static pykv_status look_at(lookup *self, uint64_t address)
{
    const pinned_segment *pinned = moment_pinned_at(self->at, address);
    if (pinned == NULL) {
        return PYKV_NOT_FOUND;
    }
    self->holder = pinned->source;
    self->address = address;
    pykv_status status = read_at(self, pinned->source, bitcask_offset(pinned->source, address));
    if (status != PYKV_OK) {
        return status;
    }
    return slice_equal(self->out->key, self->key) &&
                   (self->out->sequence <= self->at->visible_sequence || PYKV_PLANTED(186))
               ? PYKV_OK
               : PYKV_NOT_FOUND;
}

static pykv_status look_in_slots(lookup *self, keydir_cursor *cursor)
{
    pykv_status status = PYKV_NOT_FOUND;
    while (status == PYKV_NOT_FOUND && keydir_next(cursor)) {
        status = look_at(self, cursor->address);
    }
    return status;
}

/* *sure_out false: changes overtook the walk. The pages of a directory image were all checked when
 * the moment was opened. */
static pykv_status walk_slots(lookup *self, bool *sure_out)
{
    keydir_cursor cursor;
    for (int attempt = 0; attempt < FIND_ATTEMPTS; attempt++) {
        if (keydir_find(self->at->keys->keys, self->hash, &cursor)) {
            pykv_status status = look_in_slots(self, &cursor);
            if (PYKV_LIKELY(keydir_still(&cursor))) {
                *sure_out = true;
                return status;
            }
        }
    }
    *sure_out = false;
    return PYKV_WOULD_BLOCK;
}

static pykv_status walk_slots_locked(lookup *self)
{
    bitcask *store = self->at->store;
    keydir_cursor cursor;
    mutex_lock(&store->writer);
    keydir_find_locked(self->at->keys->keys, self->hash, &cursor);
    pykv_status status = look_in_slots(self, &cursor);
    mutex_unlock(&store->writer);
    return status;
}

static pykv_status look_in_undo(lookup *self)
{
    const store_moment *at = self->at;
    pykv_status status = PYKV_NOT_FOUND;
    uint64_t address = 0;
    while (status == PYKV_NOT_FOUND &&
           undo_next(&at->keys->undo, self->hash, at->generation, address, &address)) {
        status = look_at(self, address);
        address++;
    }
    return status;
}

/* What the moment sees of the record that was found current. */
static pykv_status if_seen(const store_moment *self, pykv_status status, const record *found)
{
    return status == PYKV_OK && !moment_sees(self, found) ? PYKV_NOT_FOUND : status;
}

static pykv_status find(lookup *wanted)
{
    const store_moment *self = wanted->at;
    pykv_status status = moment_check(self);
    if (status != PYKV_OK) {
        return status;
    }
    bool sure;
    status = walk_slots(wanted, &sure);
    if (PYKV_UNLIKELY(!sure) && wanted->mode == READ_COLD) {
        status = walk_slots_locked(wanted);
    }
    if (status == PYKV_NOT_FOUND && !PYKV_PLANTED(185)) {
        status = look_in_undo(wanted);
    }
    if (status == PYKV_NOT_FOUND) {
        pykv_status open = moment_check(self); /* what it needed may have been let go */
        status = open == PYKV_OK ? PYKV_NOT_FOUND : open;
    }
    return if_seen(self, status, wanted->out);
}

pykv_status moment_find(const store_moment *self, uint64_t hash, slice key, read_mode mode,
                        buffer *scratch, uint64_t *address_out, record *out)
{
    lookup wanted = {self, hash, key, mode, true, scratch, out, NULL, 0};
    pykv_status status = find(&wanted);
    if (status == PYKV_OK) {
        *address_out = wanted.address;
    }
    return status;
}

pykv_status moment_find_key(const store_moment *self, uint64_t hash, slice key, read_mode mode,
                            buffer *scratch, uint64_t *deadline_us_out)
{
    record found;
    lookup wanted = {self, hash, key, mode, false, scratch, &found, NULL, 0};
    pykv_status status = find(&wanted);
    if (status == PYKV_OK) {
        *deadline_us_out = found.deadline_us;
    }
    return status;
}

pykv_status moment_find_mapped(const store_moment *self, uint64_t hash, slice key, record *out,
                               segment **holder_out)
{
    lookup wanted = {self, hash, key, READ_HOT, true, NULL, out, NULL, 0};
    pykv_status status = find(&wanted);
    if (status == PYKV_OK) {
        *holder_out = wanted.holder;
    }
    return status;
}

/* True if the slot of hash leads to address now; *sure false: a change overtook the look. */
static bool leads_to(const keydir *keys, uint64_t hash, uint64_t address, bool *sure)
{
    keydir_cursor cursor;
    if (!keydir_image_ready(keys, hash) || !keydir_find(keys, hash, &cursor)) {
        *sure = false;
        return false;
    }
    bool found = keydir_next_to(&cursor, address);
    *sure = keydir_still(&cursor);
    return found;
}

pykv_status moment_shows(const store_moment *self, uint64_t hash, uint64_t address, bool *shows_out)
{
    bool sure;
    bool current = leads_to(self->keys->keys, hash, address, &sure);
    if (!sure) {
        pykv_status status = bitcask_check_image_rest(self->store);
        if (status != PYKV_OK) {
            return status;
        }
        mutex_lock(&self->store->writer);
        current = leads_to(self->keys->keys, hash, address, &sure);
        mutex_unlock(&self->store->writer);
        PYKV_ASSERT(sure);
    }
    *shows_out = current || undo_shows(&self->keys->undo, hash, address, self->generation);
    return PYKV_OK;
}
