/*
 * many_at: many keys at a moment, through the stages of many.c.
 *
 * A slot that led to a record of the key after the moment was opened, and that the moment pins, led
 * to it then too: a slot never goes back. So no lookup begins again for what is published
 * meanwhile, and only where slots moved is each key looked up by itself.
 */
#include "bitcask/address.h"
#include "bitcask/directory.h"
#include "bitcask/find.h"
#include "bitcask/key_hash.h"
#include "bitcask/keydir_moment.h"
#include "bitcask/many_state.h"
#include "bitcask/moment.h"

/* Looks a key up at a moment where its walk led, and as moment_find does if that was not the record
 * that the moment shows. */
static pykv_status look_up_walked_at(const store_moment *at, const many_key *walked, slice key,
                                     uint64_t *address_out, record *found)
{
    const pinned_segment *pinned =
        PYKV_LIKELY(walked->holder != NULL) ? moment_pinned_at(at, walked->address) : NULL;
    if (PYKV_LIKELY(pinned != NULL && pinned->source == walked->holder) &&
        PYKV_LIKELY(segment_peek(walked->holder, bitcask_offset(walked->holder, walked->address),
                                 true, found) == PYKV_OK &&
                    slice_equal(found->key, key) && found->sequence <= at->visible_sequence)) {
        *address_out = walked->address;
        return moment_sees(at, found) ? PYKV_OK : PYKV_NOT_FOUND;
    }
    return moment_find(at, walked->probe.hash, key, READ_HOT, NULL, address_out, found);
}

/* Every key at a moment, by the stages. PYKV_WOULD_BLOCK: slots moved meanwhile, so a walk may have
 * led to what was of a key long ago. */
static pykv_status look_up_hot_at(many *self, const store_moment *at, const void *const *keys,
                                  const size_t *key_lengths)
{
    pykv_status status = moment_check(at);
    if (status != PYKV_OK && !PYKV_PLANTED(388)) {
        return status; /* its directory may be gone */
    }
    uint32_t before = keydir_moment(at->keys->keys);
    many_begin_walk(self);
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        record found;
        uint64_t address = 0;
        many_walk_on(self, at->keys, keys, key_lengths, i);
        slice key = slice_make(keys[i], key_lengths[i]);
        status = look_up_walked_at(at, &self->keys[i], key, &address, &found);
        status = many_set_found(self, i, status, address, &found);
    }
    bool holds = (before & 1) == 0 && keydir_is_moment(at->keys->keys, before);
    return status == PYKV_OK && !holds ? PYKV_WOULD_BLOCK : status;
}

/* Every key at a moment, one by one, whatever is published meanwhile. */
static pykv_status look_up_at(many *self, const store_moment *at, const void *const *keys,
                              const size_t *key_lengths, read_mode mode, buffer *scratch)
{
    pykv_status status = PYKV_OK;
    self->hits = 0;
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        record found;
        uint64_t address = 0;
        uint64_t hash = bitcask_hash(self->store, keys[i], key_lengths[i]);
        status = moment_find(at, hash, slice_make(keys[i], key_lengths[i]), mode, scratch, &address,
                             &found);
        status = many_set_found(self, i, status, address, &found);
        if (status == PYKV_OK && self->values[i] != NULL && mode == READ_COLD) {
            status = many_keep_copy(self, i, found.value);
        }
    }
    return status;
}

static pykv_status get_cold_at(many *self, const store_moment *at, const void *const *keys,
                               const size_t *key_lengths)
{
    buffer scratch = BUFFER_EMPTY;
    buffer_clear(&self->copies);
    pykv_status status = look_up_at(self, at, keys, key_lengths, READ_COLD, &scratch);
    if (status == PYKV_OK) {
        many_point_to_copies(self);
    }
    buffer_reset(&scratch);
    return status;
}

pykv_status many_get_at(many *self, const store_moment *at, size_t count, const void *const *keys,
                        const size_t *key_lengths, int32_t flags)
{
    pykv_status status = many_begin(self, count, flags);
    if (status != PYKV_OK) {
        return status;
    }
    status = PYKV_WOULD_BLOCK;
    if (bitcask_read_mode(self->store) == READ_HOT) {
        status = look_up_hot_at(self, at, keys, key_lengths);
        if (status == PYKV_WOULD_BLOCK && !self->refused) {
            status = look_up_at(self, at, keys, key_lengths, READ_HOT, NULL);
        }
    }
    if (status == PYKV_WOULD_BLOCK && (flags & PYKV_NO_WAIT) == 0) {
        status = get_cold_at(self, at, keys, key_lengths);
    }
    return many_finish(self, status);
}
