/*
 * write: put, delete, batches, compare-and-set, clear: resolve, append, publish.
 *
 * Everything that can fail, or wait, comes before the append; the append either puts the whole
 * write into the log or leaves the log as it was. A call that may not wait gives PYKV_WOULD_BLOCK
 * before it changed anything.
 */
#include "bitcask/write.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/address.h"
#include "bitcask/bitcask.h"
#include "bitcask/find.h"
#include "bitcask/health.h"
#include "bitcask/image.h"
#include "bitcask/key_hash.h"
#include "bitcask/named.h"
#include "bitcask/publish.h"
#include "bitcask/publish_waiting.h"
#include "bitcask/resolve.h"
#include "bitcask/rolling.h"
#include "bitcask/space_list.h"
#include "bitcask/sync.h"
#include "bitcask/unpack.h"

bool bitcask_waits_for_sync(const bitcask *self, int32_t flags)
{
    if ((flags & PYKV_SYNC) != 0) {
        return true;
    }
    return self->options.durability == PYKV_DURABILITY_SYNC && (flags & PYKV_NO_SYNC) == 0;
}

static bool lock_writer(bitcask *self, int32_t flags) TRY_ACQUIRES(true, self->writer)
{
    if (PYKV_LIKELY(mutex_try_lock(&self->writer)) || mutex_try_lock_briefly(&self->writer)) {
        return true;
    }
    if ((flags & PYKV_NO_WAIT) != 0) {
        return false;
    }
    mutex_lock(&self->writer);
    return true;
}

/* How old records may be read while the lock is held: not from the disk where the call may not
 * wait. */
static read_mode resolve_mode(bitcask *self, int32_t flags)
{
    if (bitcask_read_mode(self) == READ_HOT) {
        return READ_HOT_LOCKED;
    }
    return (flags & PYKV_NO_WAIT) != 0 ? READ_NEVER_LOCKED : READ_COLD_LOCKED;
}

static uint64_t bytes_of(bitcask *self, const operation *operations, size_t count)
    REQUIRES(self->writer)
{
    uint64_t bytes = log_writer_bytes(&self->log, &operations[0].record);
    for (size_t i = 1; i < count; i++) {
        bytes += record_bytes_of(&operations[i].record);
    }
    return count == 1 ? bytes : bytes + 8;
}

static pykv_status append_one(bitcask *self, operation *write) REQUIRES(self->writer)
{
    uint64_t offset;
    write->record.sequence = self->appended_sequence + 1;
    pykv_status status = log_writer_append(&self->log, &write->record, &offset);
    if (status == PYKV_OK) {
        write->address = bitcask_address(self->active, offset);
    }
    return status;
}

static pykv_status append_many(bitcask *self, operation *operations, size_t count)
    REQUIRES(self->writer)
{
    record *records = mem_alloc(count * (sizeof *records + sizeof(uint64_t)));
    if (records == NULL) {
        return error_set_no_memory(count * (sizeof *records + sizeof(uint64_t)));
    }
    uint64_t *offsets = (uint64_t *)(void *)(records + count);
    for (size_t i = 0; i < count; i++) {
        records[i] = operations[i].record;
        records[i].sequence = self->appended_sequence + 1 + i;
    }
    pykv_status status = log_writer_append_batch(&self->log, records, count, offsets);
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        operations[i].record = records[i];
        operations[i].address = bitcask_address(self->active, offsets[i]);
    }
    mem_free(records);
    return status;
}

/* Adds to a counter that only holders of the writer lock change. */
static void add_count(_Atomic uint64_t *counter, uint64_t count)
{
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + count, memory_order_relaxed);
}

/* Appends and keeps the books of the log. On failure nothing changed. */
static pykv_status append(bitcask *self, operation *operations, size_t count) REQUIRES(self->writer)
{
    uint64_t before = log_sink_tail(self->sink);
    pykv_status status =
        count == 1 ? append_one(self, operations) : append_many(self, operations, count);
    if (status != PYKV_OK) {
        return bitcask_append_failed(self, status);
    }
    uint64_t tail = log_sink_tail(self->sink);
    atomic_store_explicit(&self->active->length, tail, memory_order_release);
    if (PYKV_UNLIKELY(tail >= self->ahead_at)) {
        self->ahead_at = UINT64_MAX;
        lent_call(&self->gate.lent, PYKV_ROLE_LOG);
    }
    if (self->active->first_sequence == 0) {
        self->active->first_sequence = self->appended_sequence + 1;
    }
    self->appended_sequence += count;
    self->active->last_sequence = self->appended_sequence;
    add_count(&self->counters.written_bytes, tail - before);
    return PYKV_OK;
}

static void count_operations(bitcask *self, const operation *operations, size_t count)
    REQUIRES(self->writer)
{
    uint64_t puts = 0;
    uint64_t tombstone_bytes = 0;
    uint64_t tombstones = 0;
    for (size_t i = 0; i < count; i++) {
        const record *written = &operations[i].record;
        if (written->kind == RECORD_PUT) {
            puts++;
            if (PYKV_UNLIKELY(written->flags & RECORD_FLAG_DEADLINE)) {
                segment_note_deadline(self->active, store_clock_last(&self->clock),
                                      written->deadline_us,
                                      written->key.size + written->value.size);
            }
        } else {
            tombstones++;
            tombstone_bytes += record_bytes(written->flags, written->key.size, 0);
        }
    }
    self->active->tombstone_bytes += tombstone_bytes;
    self->active->tombstone_count += tombstones;
    add_count(&self->counters.put_count, puts);
    add_count(&self->counters.delete_count, tombstones);
}

/* Has writes behind an appended drop refused: a clear in a batch is that of one. */
static void leave_dropped(operation *operations, size_t count)
{
    for (size_t i = 0; i < count && count > 1; i++) {
        if (PYKV_UNLIKELY(operations[i].record.kind == RECORD_CLEAR)) {
            operations[i].within->in_use = false;
        }
    }
}

/* Gives each namespace of a write a share in the active segment. Resolving comes before it: that
 * may count all shares anew, of what is in the log. */
static pykv_status reserve_shares(bitcask *self, const operation *operations, size_t count)
    REQUIRES(self->writer)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        if (PYKV_UNLIKELY((operations[i].record.flags & RECORD_FLAG_NAMESPACE) != 0)) {
            status = live_shares_reserve(&self->active->shares, operations[i].record.namespace_id);
        }
    }
    return status;
}

/* Appends resolved operations and makes them visible, now or, if they wait for a sync, with it. */
pykv_status bitcask_append_and_publish(bitcask *self, operation *operations, size_t count,
                                       bool waits)
{
    pykv_status status = waits ? bitcask_reserve_pending(self, count) : PYKV_OK;
    if (status == PYKV_OK) {
        status = reserve_shares(self, operations, count);
    }
    if (status == PYKV_OK) {
        status = append(self, operations, count);
    }
    if (status != PYKV_OK) {
        return status;
    }
    if (self->state == PYKV_STATE_READ_ONLY) {
        self->state = PYKV_STATE_OPEN;
    }
    count_operations(self, operations, count);
    leave_dropped(operations, count);
    if (waits && !PYKV_PLANTED(48)) {
        bitcask_add_pending(self, operations, count);
    } else if (count == 1) {
        bitcask_publish_one(self, operations);
    } else {
        bitcask_publish_several(self, operations, count);
    }
    change_feeds_wake(&self->feeds);
    return PYKV_OK;
}

/* A lone delete of a key that is not there writes nothing. */
static bool is_idle(const operation *operations, size_t count)
{
    return count == 1 && operations[0].record.kind == RECORD_DELETE &&
           operations[0].old_address == BITCASK_NO_ADDRESS;
}

/* The record of the key of write, its value as it was put; plain: room for one that is packed.
 * PYKV_NOT_FOUND also where its deadline has passed. */
static pykv_status find_current(bitcask *self, const operation *write, int32_t flags,
                                const write_condition *asked, record *out, buffer *plain)
    REQUIRES(self->writer)
{
    bool may_wait = (flags & PYKV_NO_WAIT) == 0;
    keydir_cursor cursor;
    directory *keys = directory_now_locked(&write->within->directory);
    read_mode mode = resolve_mode(self, 0);
    for (;;) {
        pykv_status status = bitcask_find(self, keys, write->hash, write->record.key, mode, true,
                                          &self->scratch, &cursor, out);
        if (status == PYKV_OK && store_clock_has_passed(&self->clock, out->deadline_us) &&
            !PYKV_PLANTED(309)) {
            return PYKV_NOT_FOUND;
        }
        if (status == PYKV_OK && record_is_packed(out)) {
            status =
                bitcask_unpack_to_compare(self, cursor.address, asked->expected, flags, out, plain);
        }
        if (status != PYKV_WOULD_BLOCK || mode == READ_COLD_LOCKED || !may_wait) {
            return status;
        }
        mode = READ_COLD_LOCKED; /* The value lies on a page that the mapping has lost. */
    }
}

/* Brings the store up to date with the log, and asks the condition. */
static pykv_status settle(bitcask *self, operation *operations, size_t count, int32_t flags,
                          write_condition *asked) REQUIRES(self->writer)
{
    bool waits = bitcask_waits_for_sync(self, flags);
    bool asks = asked != NULL && !PYKV_PLANTED(308);
    bool reads = asks || (count == 1 && operations[0].record.kind == RECORD_DELETE);
    pykv_status status = bitcask_check_writable(self);
    if (status == PYKV_OK && (reads || !waits)) {
        status = bitcask_publish_pending(self, UINT64_MAX);
    }
    if (status != PYKV_OK || asked == NULL) {
        return status;
    }
    record current;
    buffer plain = BUFFER_EMPTY;
    status = bitcask_check_image_locked(self, operations[0].within, operations[0].hash);
    if (status == PYKV_OK) {
        status = find_current(self, &operations[0], flags, asked, &current, &plain);
    }
    if (status == PYKV_OK || status == PYKV_NOT_FOUND) {
        asked->met = asked->test(asked, status == PYKV_OK ? &current : NULL);
        status = PYKV_OK;
    }
    buffer_reset(&plain);
    return status;
}

static pykv_status find_space(bitcask *self, operation *write) REQUIRES(self->writer)
{
    if (write->within == NULL) {
        write->within = bitcask_find_space(self, write->record.namespace_id);
    }
    bool taken = write->within != NULL && write->within->in_use;
    return taken || PYKV_PLANTED(217) ? PYKV_OK
                                      : error_set(PYKV_CLOSED, "the namespace was dropped");
}

pykv_status bitcask_find_spaces(bitcask *self, operation *operations, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (PYKV_UNLIKELY((operations[i].record.flags & RECORD_FLAG_NAMESPACE) != 0)) {
            pykv_status status = find_space(self, &operations[i]);
            if (status != PYKV_OK) {
                return status;
            }
        }
    }
    return PYKV_OK;
}

/* True if a write that may not wait, and reads old records as mode says, can do so: what it appends
 * goes to a mapping, and neither a condition nor a write that waits for its sync asks for a record
 * that may be on the disk. */
static bool can_go_on(const bitcask *self, read_mode mode, const write_condition *asked)
    REQUIRES(self->writer)
{
    if (mode == READ_NEVER_LOCKED && !PYKV_PLANTED(291)) {
        return self->mapped_log && asked == NULL && self->pending_count == 0;
    }
    return self->mapped_reads;
}

static pykv_status write_locked(bitcask *self, operation *operations, size_t count, int32_t flags,
                                write_condition *asked) REQUIRES(self->writer)
{
    bool waits = bitcask_waits_for_sync(self, flags);
    read_mode mode = resolve_mode(self, flags);
    if ((flags & PYKV_NO_WAIT) != 0 && !can_go_on(self, mode, asked)) {
        return PYKV_WOULD_BLOCK;
    }
    pykv_status status = settle(self, operations, count, flags, asked);
    if (status != PYKV_OK || (asked != NULL && !asked->met)) {
        return status;
    }
    status = bitcask_make_room(self, bytes_of(self, operations, count));
    bool may_be_named = count > 1 || (operations[0].record.flags & RECORD_FLAG_NAMESPACE) != 0;
    if (status == PYKV_OK && PYKV_UNLIKELY(may_be_named)) {
        status = bitcask_find_spaces(self, operations, count);
    }
    if (status == PYKV_OK) {
        status = count == 1 ? bitcask_resolve(self, operations, mode)
                            : bitcask_resolve_several(self, operations, count, mode);
    }
    if (status != PYKV_OK || is_idle(operations, count)) {
        return status;
    }
    return bitcask_append_and_publish(self, operations, count, waits);
}

pykv_status bitcask_write_if(bitcask *self, operation *operations, size_t count, int32_t flags,
                             write_condition *asked)
{
    if (PYKV_UNLIKELY(self->options.durability == PYKV_DURABILITY_INTERVAL)) {
        flags = bitcask_flags_by_interval(self, flags);
    }
    bool waits = bitcask_waits_for_sync(self, flags);
    if (waits && (flags & PYKV_NO_WAIT) != 0) {
        return PYKV_WOULD_BLOCK;
    }
    for (;;) {
        if (!lock_writer(self, flags)) {
            return PYKV_WOULD_BLOCK;
        }
        uint64_t bytes = bytes_of(self, operations, count);
        pykv_status status = write_locked(self, operations, count, flags, asked);
        uint64_t sequence = self->appended_sequence;
        mutex_unlock(&self->writer);
        if (PYKV_LIKELY(status == PYKV_OK)) {
            return waits ? bitcask_sync_through(self, sequence) : PYKV_OK;
        }
        if (status != PYKV_WOULD_BLOCK || (flags & PYKV_NO_WAIT) != 0) {
            return status;
        }
        status = bitcask_provide(self, bytes);
        if (status != PYKV_OK) {
            return status;
        }
    }
}

static void fill(operation *write, uint8_t kind, slice key, slice value, uint64_t deadline_us)
{
    /* Field by field: clearing the whole record costs as much as its check. */
    write->record.kind = kind;
    write->record.flags = deadline_us != 0 ? RECORD_FLAG_DEADLINE : 0;
    if (PYKV_UNLIKELY(write->record.namespace_id != NAMESPACE_DEFAULT)) {
        write->record.flags |= RECORD_FLAG_NAMESPACE;
    }
    write->record.deadline_us = deadline_us;
    write->record.key = key;
    write->record.value = value;
    write->record.body_crc = record_body_crc(&write->record);
    write->old_address = BITCASK_NO_ADDRESS;
    write->has_twin = false;
}

static inline void prepare(const bitcask *self, operation *write, uint8_t kind, slice key,
                           slice value, uint64_t deadline_us)
{
    write->hash = bitcask_hash(self, key.data, key.size);
    keydir_spot_reset(&write->spot);
    fill(write, kind, key, value, deadline_us);
}

void bitcask_prepare_operation(const bitcask *self, operation *write, uint8_t kind, slice key,
                               slice value, uint64_t deadline_us)
{
    prepare(self, write, kind, key, value, deadline_us);
}

/* For one write: what it will look at comes near while it takes the lock. */
static void prepare_one(bitcask *self, space *within, operation *write, uint8_t kind, slice key,
                        slice value, uint64_t deadline_us)
{
    const keydir *keys = directory_now(&within->directory)->keys;
    write->hash = bitcask_hash(self, key.data, key.size);
    keydir_prefetch_line(keys, write->hash);
    operation_enter(write, within);
    fill(write, kind, key, value, deadline_us);
    bitcask_look_ahead(self, keys, write);
}

static inline pykv_status put(bitcask *self, space *within, slice key, slice value,
                              uint64_t deadline_us, int32_t flags)
{
    operation write;
    prepare_one(self, within, &write, RECORD_PUT, key, value, deadline_us);
    return bitcask_write_if(self, &write, 1, flags, NULL);
}

pykv_status bitcask_put(bitcask *self, slice key, slice value, int32_t flags)
{
    return bitcask_put_until(self, key, value, 0, flags);
}

pykv_status bitcask_put_until(bitcask *self, slice key, slice value, uint64_t deadline_us,
                              int32_t flags)
{
    return put(self, &self->spaces.main, key, value, deadline_us, flags);
}

pykv_status bitcask_put_in(bitcask *self, space *within, slice key, slice value,
                           uint64_t deadline_us, int32_t flags)
{
    return put(self, within, key, value, deadline_us, flags);
}

pykv_status bitcask_delete(bitcask *self, slice key, int32_t flags, int32_t *existed_out)
{
    return bitcask_delete_in(self, &self->spaces.main, key, flags, existed_out);
}

pykv_status bitcask_delete_in(bitcask *self, space *within, slice key, int32_t flags,
                              int32_t *existed_out)
{
    operation write;
    prepare_one(self, within, &write, RECORD_DELETE, key, slice_make(NULL, 0), 0);
    pykv_status status = bitcask_write_if(self, &write, 1, flags, NULL);
    if (status == PYKV_OK && existed_out != NULL) {
        *existed_out = write.old_address != BITCASK_NO_ADDRESS && !write.old_expired;
    }
    return status;
}

/* Bytes of keys and values, which is what the limit of a batch counts. */
static uint64_t batch_bytes(const operation *operations, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += operations[i].record.key.size + operations[i].record.value.size;
    }
    return bytes;
}

/* No write but what its flags ask for: the writes before it. */
static pykv_status write_nothing(bitcask *self, int32_t flags)
{
    if (!bitcask_waits_for_sync(self, flags) || PYKV_PLANTED(371)) {
        return PYKV_OK;
    }
    return (flags & PYKV_NO_WAIT) != 0 ? PYKV_WOULD_BLOCK : bitcask_sync(self);
}

pykv_status bitcask_write(bitcask *self, operation *operations, size_t count, int32_t flags)
{
    if (count == 0) {
        return write_nothing(self, flags);
    }
    uint64_t bytes = batch_bytes(operations, count);
    if (count > 1 && bytes > self->options.batch_bytes_max) {
        return error_set(PYKV_BATCH_TOO_LARGE,
                         "the batch has %llu bytes of keys and values; batch_bytes_max allows %llu",
                         (unsigned long long)bytes,
                         (unsigned long long)self->options.batch_bytes_max);
    }
    for (size_t i = 0; i < count; i++) {
        const record *wanted = &operations[i].record;
        operations[i].within =
            wanted->namespace_id == NAMESPACE_DEFAULT ? &self->spaces.main : NULL;
        prepare(self, &operations[i], wanted->kind, wanted->key, wanted->value,
                wanted->deadline_us);
    }
    return bitcask_write_if(self, operations, count, flags, NULL);
}
