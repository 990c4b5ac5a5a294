/*
 * writes: the writing part of pykv.h.
 */
#include "api/handle.h"
#include "base/buffer.h"
#include "base/memory.h"

/* A write collected in a batch: places in the batch's bytes. */
typedef struct batch_entry {
    uint8_t kind;
    size_t key_at;
    size_t key_length;
    size_t value_length; /* the value follows the key */
    uint64_t deadline_us;
    pykv_store *within; /* the namespace; NULL: that of the store that it is written to */
} batch_entry;

struct pykv_batch {
    buffer bytes;       /* keys and values */
    buffer entries;     /* of batch_entry */
    pykv_store *within; /* of entries to come */
};

/* store is entered. */
static inline pykv_status put_inside(pykv_store *store, slice key, slice value,
                                     uint64_t deadline_us, int32_t flags)
{
    pykv_status status = handle_check_sizes(key.size, value.size);
    if (PYKV_LIKELY(status == PYKV_OK)) {
        status = store->ops->put(store->engine, key, value, deadline_us, flags);
    }
    return status;
}

static inline pykv_status put(pykv_store *store, slice key, slice value, uint64_t deadline_us,
                              int32_t flags)
{
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (PYKV_LIKELY(status == PYKV_OK)) {
        status = put_inside(store, key, value, deadline_us, flags);
        handle_leave(store, token);
    }
    return status;
}

pykv_status pykv_put(pykv_store *store, const void *key, size_t key_length, const void *value,
                     size_t value_length, int32_t flags)
{
    return put(store, slice_make(key, key_length), slice_make(value, value_length), 0, flags);
}

pykv_status pykv_put_until(pykv_store *store, const void *key, size_t key_length, const void *value,
                           size_t value_length, uint64_t deadline_us, int32_t flags)
{
    return put(store, slice_make(key, key_length), slice_make(value, value_length), deadline_us,
               flags);
}

/* store is entered. */
static inline uint64_t deadline_after(pykv_store *store, uint64_t ttl_us)
{
    const pykv_store *root = handle_root(store);
    return ttl_us != 0 ? root->ops->deadline(root->engine, ttl_us) : 0;
}

pykv_status pykv_put_for(pykv_store *store, const void *key, size_t key_length, const void *value,
                         size_t value_length, uint64_t ttl_us, int32_t flags)
{
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (PYKV_LIKELY(status == PYKV_OK)) {
        status = put_inside(store, slice_make(key, key_length), slice_make(value, value_length),
                            deadline_after(store, ttl_us), flags);
        handle_leave(store, token);
    }
    return status;
}

pykv_status pykv_delete(pykv_store *store, const void *key, size_t key_length, int32_t flags,
                        int32_t *existed_out)
{
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (PYKV_UNLIKELY(status != PYKV_OK)) {
        return status;
    }
    status = handle_check_sizes(key_length, 0);
    if (PYKV_LIKELY(status == PYKV_OK)) {
        status = store->ops->remove(store->engine, slice_make(key, key_length), flags, existed_out);
    }
    handle_leave(store, token);
    return status;
}

pykv_status pykv_compare_and_set(pykv_store *store, const void *key, size_t key_length,
                                 const void *expected, size_t expected_length,
                                 int32_t expect_absent, const void *value, size_t value_length,
                                 int32_t delete_it, int32_t flags, int32_t *swapped_out)
{
    return pykv_compare_and_set_until(store, key, key_length, expected, expected_length,
                                      expect_absent, value, value_length, delete_it, 0, flags,
                                      swapped_out);
}

pykv_status pykv_compare_and_set_until(pykv_store *store, const void *key, size_t key_length,
                                       const void *expected, size_t expected_length,
                                       int32_t expect_absent, const void *value,
                                       size_t value_length, int32_t delete_it, uint64_t deadline_us,
                                       int32_t flags, int32_t *swapped_out)
{
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    slice wanted = slice_make(expected, expected_length);
    slice written = slice_make(value, value_length);
    status = handle_check_sizes(key_length, delete_it != 0 ? 0 : value_length);
    if (status == PYKV_OK) {
        status = store->ops->compare_and_set(
            store->engine, slice_make(key, key_length), expect_absent != 0 ? NULL : &wanted,
            delete_it != 0 ? NULL : &written, delete_it != 0 ? 0 : deadline_us, flags, swapped_out);
    }
    handle_leave(store, token);
    return status;
}

pykv_status pykv_clear(pykv_store *store, int32_t flags)
{
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->clear(store->engine, flags);
        handle_leave(store, token);
    }
    return status;
}

/* ---- ranges ---- */

static pykv_status refuse_ranges(void)
{
    return error_set(PYKV_NOT_SUPPORTED, "a Bitcask has no order, so it cannot delete a range");
}

/* Checks the bounds; *empty_out: nothing is before stop. */
static pykv_status check_range(slice start, slice stop, bool has_stop, bool *empty_out)
{
    pykv_status status = handle_check_sizes(start.size, 0);
    if (status == PYKV_OK) {
        status = handle_check_sizes(stop.size, 0);
    }
    *empty_out = has_stop && slice_compare(start, stop) >= 0;
    return status;
}

pykv_status pykv_delete_range(pykv_store *store, const void *start, size_t start_length,
                              const void *stop, size_t stop_length, int32_t has_stop, int32_t flags)
{
    epoch_token token;
    bool is_empty;
    slice from = slice_make(start, start_length);
    slice to = has_stop != 0 ? slice_make(stop, stop_length) : slice_make("", 0);
    pykv_status status = handle_enter(store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    status = check_range(from, to, has_stop != 0, &is_empty);
    if (status == PYKV_OK && store->ops->delete_range == NULL) {
        status = refuse_ranges();
    } else if (status == PYKV_OK && is_empty) {
        pykv_store *root = handle_root(store);
        status = root->ops->write(root->engine, NULL, 0, flags);
    } else if (status == PYKV_OK) {
        status = store->ops->delete_range(store->engine, from, to, flags);
    }
    handle_leave(store, token);
    return status;
}

/* ---- batches ---- */

pykv_status pykv_batch_new(pykv_batch **batch_out)
{
    pykv_batch *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    *batch_out = self;
    return PYKV_OK;
}

static pykv_status add(pykv_batch *self, uint8_t kind, slice key, slice value, uint64_t deadline_us)
{
    batch_entry entry = {.kind = kind,
                         .key_at = self->bytes.size,
                         .key_length = key.size,
                         .value_length = value.size,
                         .deadline_us = deadline_us,
                         .within = self->within};
    pykv_status status = handle_check_sizes(key.size, value.size);
    if (status == PYKV_OK) {
        status = buffer_reserve(&self->bytes, key.size + value.size);
    }
    if (status == PYKV_OK) {
        status = buffer_append(&self->entries, &entry, sizeof entry);
    }
    if (status == PYKV_OK) {
        status = buffer_append(&self->bytes, key.data, key.size);
    }
    if (status == PYKV_OK) {
        status = buffer_append(&self->bytes, value.data, value.size);
    }
    return status;
}

void pykv_batch_within(pykv_batch *self, pykv_store *within)
{
    self->within = within;
}

pykv_status pykv_batch_put(pykv_batch *self, const void *key, size_t key_length, const void *value,
                           size_t value_length)
{
    return pykv_batch_put_until(self, key, key_length, value, value_length, 0);
}

pykv_status pykv_batch_put_until(pykv_batch *self, const void *key, size_t key_length,
                                 const void *value, size_t value_length, uint64_t deadline_us)
{
    return add(self, RECORD_PUT, slice_make(key, key_length), slice_make(value, value_length),
               deadline_us);
}

pykv_status pykv_batch_delete(pykv_batch *self, const void *key, size_t key_length)
{
    return add(self, RECORD_DELETE, slice_make(key, key_length), slice_make(NULL, 0), 0);
}

pykv_status pykv_batch_delete_range(pykv_batch *self, const void *start, size_t start_length,
                                    const void *stop, size_t stop_length, int32_t has_stop)
{
    bool is_empty;
    slice from = slice_make(start, start_length);
    slice to = has_stop != 0 ? slice_make(stop, stop_length) : slice_make("", 0);
    pykv_status status = check_range(from, to, has_stop != 0, &is_empty);
    if (status == PYKV_OK && !is_empty) {
        status = add(self, RECORD_RANGE_DELETE, from, to, 0);
    }
    return status;
}

size_t pykv_batch_count(const pykv_batch *self)
{
    return self->entries.size / sizeof(batch_entry);
}

size_t pykv_batch_bytes(const pykv_batch *self)
{
    return self->bytes.size;
}

void pykv_batch_clear(pykv_batch *self)
{
    buffer_clear(&self->bytes);
    buffer_clear(&self->entries);
    self->within = NULL;
}

void pykv_batch_free(pykv_batch *self)
{
    if (self != NULL) {
        buffer_reset(&self->bytes);
        buffer_reset(&self->entries);
        mem_free(self);
    }
}

/* Writes that the engine takes in one call: an array of what is a record to us, and maybe more. */
typedef struct operations {
    uint8_t *bytes; /* owned */
    size_t step;
    size_t count;
} operations;

static pykv_status operations_new(const pykv_store *store, size_t count, operations *out)
{
    size_t bytes = (count + 1) * store->ops->operation_bytes;
    *out = (operations){mem_alloc(bytes), store->ops->operation_bytes, count};
    return out->bytes != NULL ? PYKV_OK : error_set_no_memory(bytes);
}

static void operations_set(const operations *self, size_t index, uint8_t kind, uint32_t space_id,
                           slice key, slice value, uint64_t deadline_us)
{
    record *written = (record *)(void *)(self->bytes + index * self->step);
    written->kind = kind;
    written->key = key;
    written->value = value;
    written->deadline_us = deadline_us;
    written->namespace_id = space_id;
}

static pykv_status write_operations(pykv_store *store, const operations *written, int32_t flags)
{
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (status == PYKV_OK) {
        pykv_store *root = handle_root(store);
        status = root->ops->write(root->engine, written->bytes, written->count, flags);
        handle_leave(store, token);
    }
    return status;
}

/* Whether an entry of a batch may go where it wants to. */
static pykv_status check_within(pykv_store *store, const batch_entry *entry)
{
    if (entry->kind == RECORD_RANGE_DELETE && store->ops->delete_range == NULL) {
        return refuse_ranges();
    }
    if (entry->within == NULL) {
        return PYKV_OK;
    }
    if (handle_root(entry->within) != handle_root(store)) {
        return error_set(PYKV_INVALID_ARGUMENT,
                         "a batch has writes to a namespace of another store");
    }
    return handle_is_usable(entry->within) ? PYKV_OK : handle_refuse(entry->within);
}

pykv_status pykv_write(pykv_store *store, pykv_batch *batch, int32_t flags)
{
    operations written;
    size_t count = pykv_batch_count(batch);
    pykv_status status = operations_new(store, count, &written);
    if (status != PYKV_OK) {
        return status;
    }
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        batch_entry entry;
        memcpy(&entry, batch->entries.data + i * sizeof entry, sizeof entry);
        const uint8_t *key = batch->bytes.data + entry.key_at;
        uint32_t space_id = entry.within != NULL ? entry.within->space_id : store->space_id;
        operations_set(&written, i, entry.kind, space_id, slice_make(key, entry.key_length),
                       slice_make(key + entry.key_length, entry.value_length), entry.deadline_us);
        status = check_within(store, &entry);
    }
    if (status == PYKV_OK) {
        status = write_operations(store, &written, flags);
    }
    mem_free(written.bytes);
    return status;
}

pykv_status pykv_write_many(pykv_store *store, size_t count, const void *const *keys,
                            const size_t *key_lengths, const void *const *values,
                            const size_t *value_lengths, int32_t flags)
{
    return pykv_write_many_until(store, count, keys, key_lengths, values, value_lengths, 0, flags);
}

pykv_status pykv_write_many_until(pykv_store *store, size_t count, const void *const *keys,
                                  const size_t *key_lengths, const void *const *values,
                                  const size_t *value_lengths, uint64_t deadline_us, int32_t flags)
{
    operations written;
    pykv_status status = operations_new(store, count, &written);
    if (status != PYKV_OK) {
        return status;
    }
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        bool puts = values != NULL;
        slice value = puts ? slice_make(values[i], value_lengths[i]) : slice_make(NULL, 0);
        status = handle_check_sizes(key_lengths[i], value.size);
        operations_set(&written, i, puts ? RECORD_PUT : RECORD_DELETE, store->space_id,
                       slice_make(keys[i], key_lengths[i]), value, puts ? deadline_us : 0);
    }
    if (status == PYKV_OK) {
        status = write_operations(store, &written, flags);
    }
    mem_free(written.bytes);
    return status;
}
