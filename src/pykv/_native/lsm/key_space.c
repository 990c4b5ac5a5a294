/*
 * key_space: makes stored keys of user keys, and takes them apart. See key_space.h.
 */
#include "lsm/key_space.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* The second byte of a marked key. */
enum { KIND_DEFAULT = 0, KIND_NAMED = 1, KIND_NAMES = 2, SHORT_PREFIX_BYTES = 2 };

static uint8_t kind_of(uint32_t id)
{
    if (id == KEY_SPACE_DEFAULT) {
        return KIND_DEFAULT;
    }
    return id == KEY_SPACE_NAMES ? KIND_NAMES : KIND_NAMED;
}

size_t key_space_prefix_bytes(uint32_t id)
{
    if (id == KEY_SPACE_STORED) {
        return 0;
    }
    return kind_of(id) == KIND_NAMED ? STORED_KEY_PREFIX_MAX : SHORT_PREFIX_BYTES;
}

size_t key_space_prefix(uint32_t id, uint8_t out[STORED_KEY_PREFIX_MAX])
{
    if (id == KEY_SPACE_STORED) {
        return 0;
    }
    out[0] = KEY_SPACE_MARK;
    out[1] = kind_of(id);
    if (out[1] == KIND_NAMED) {
        for (int i = 0; i < 4; i++) {
            out[SHORT_PREFIX_BYTES + i] = (uint8_t)(id >> (24 - 8 * i));
        }
    }
    return key_space_prefix_bytes(id);
}

/* The id in the prefix of a marked key; KEY_SPACE_NAMES: it is no user's. */
static uint32_t marked_id(slice stored)
{
    uint32_t id = 0;
    if (stored.size <= SHORT_PREFIX_BYTES || stored.data[1] > KIND_NAMED) {
        return KEY_SPACE_NAMES;
    }
    if (stored.data[1] == KIND_DEFAULT) {
        bool needs_prefix = stored.data[SHORT_PREFIX_BYTES] == KEY_SPACE_MARK;
        return needs_prefix ? KEY_SPACE_DEFAULT : KEY_SPACE_NAMES;
    }
    for (size_t i = SHORT_PREFIX_BYTES; i < STORED_KEY_PREFIX_MAX && i < stored.size; i++) {
        id = id << 8 | stored.data[i];
    }
    bool is_whole = stored.size >= STORED_KEY_PREFIX_MAX;
    return is_whole && id != KEY_SPACE_DEFAULT && id <= KEY_SPACE_ID_MAX ? id : KEY_SPACE_NAMES;
}

bool key_space_split(slice stored, uint32_t *id_out, slice *user_key_out)
{
    uint32_t id = key_space_is_marked(stored) ? marked_id(stored) : KEY_SPACE_DEFAULT;
    if (id == KEY_SPACE_NAMES) {
        return false;
    }
    *id_out = id;
    *user_key_out = key_space_strip(stored, key_space_prefix_bytes(id));
    return true;
}

pykv_status stored_key_make(uint32_t id, slice user_key, stored_key *self)
{
    self->owned = NULL;
    self->key = user_key;
    if (key_space_keeps(id, user_key)) {
        return PYKV_OK;
    }
    uint8_t *bytes = self->bytes;
    if (user_key.size > sizeof self->bytes - STORED_KEY_PREFIX_MAX) {
        bytes = mem_alloc(user_key.size + STORED_KEY_PREFIX_MAX);
        if (bytes == NULL) {
            return error_set_no_memory(user_key.size + STORED_KEY_PREFIX_MAX);
        }
        self->owned = bytes;
    }
    size_t size = key_space_prefix(id, bytes);
    if (user_key.size != 0) {
        memcpy(bytes + size, user_key.data, user_key.size);
    }
    self->key = slice_make(bytes, size + user_key.size);
    return PYKV_OK;
}

void stored_key_end(uint32_t id, stored_key *self)
{
    size_t size = key_space_prefix(id, self->bytes);
    while (self->bytes[size - 1] == UINT8_MAX) {
        size--;
    }
    self->bytes[size - 1]++;
    self->owned = NULL;
    self->key = slice_make(self->bytes, size);
}

void stored_key_reset(stored_key *self)
{
    mem_free(self->owned);
    self->owned = NULL;
}

/* The lowest key that a namespace can have is the bound where none is given. */
static pykv_status make_start(uint32_t id, stored_range *self)
{
    bool is_open = id == KEY_SPACE_DEFAULT || id == KEY_SPACE_STORED;
    if (self->range.has_start == 0 && is_open) {
        self->start.owned = NULL;
        return PYKV_OK;
    }
    slice start = self->range.has_start != 0
                      ? slice_make(self->range.start, self->range.start_length)
                      : slice_make("", 0);
    pykv_status status = stored_key_make(id, start, &self->start);
    if (status == PYKV_OK) {
        self->range.has_start = 1;
        self->range.start = self->start.key.data;
        self->range.start_length = self->start.key.size;
    }
    return status;
}

static pykv_status make_stop(uint32_t id, stored_range *self)
{
    self->stop.owned = NULL;
    if (self->range.has_stop == 0 && id == KEY_SPACE_STORED) {
        return PYKV_OK;
    }
    if (self->range.has_stop == 0) {
        stored_key_end(id, &self->stop);
    } else {
        slice stop = slice_make(self->range.stop, self->range.stop_length);
        pykv_status status = stored_key_make(id, stop, &self->stop);
        if (status != PYKV_OK) {
            return status;
        }
    }
    self->range.has_stop = 1;
    self->range.stop = self->stop.key.data;
    self->range.stop_length = self->stop.key.size;
    return PYKV_OK;
}

pykv_status stored_range_make(uint32_t id, const pykv_range *user_range, stored_range *self)
{
    static const pykv_range everything = {.limit = 0};
    self->range = user_range != NULL ? *user_range : everything;
    pykv_status status = make_start(id, self);
    if (status != PYKV_OK) {
        return status;
    }
    status = make_stop(id, self);
    if (status != PYKV_OK) {
        stored_key_reset(&self->start);
    }
    return status;
}

void stored_range_reset(stored_range *self)
{
    stored_key_reset(&self->start);
    stored_key_reset(&self->stop);
}
