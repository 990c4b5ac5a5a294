/*
 * write: put, delete, batches: room, the log, the memtable, visibility.
 *
 * Everything that can fail, or wait, comes before the append; the append either puts the whole
 * write into the log or leaves the log as it was; adding to the memtable cannot fail. A call that
 * may not wait gives PYKV_WOULD_BLOCK before it changed anything.
 */
#include "lsm/write.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/brake.h"
#include "lsm/delete_range.h"
#include "lsm/health.h"
#include "lsm/internal_key.h"
#include "lsm/read.h"
#include "lsm/reserve.h"
#include "lsm/room.h"

bool lsm_waits_for_sync(const lsm *self, int32_t flags)
{
    if ((flags & PYKV_SYNC) != 0) {
        return true;
    }
    return self->options.durability == PYKV_DURABILITY_SYNC && (flags & PYKV_NO_SYNC) == 0;
}

static bool lock_writer(lsm *self, int32_t flags) TRY_ACQUIRES(true, self->writer)
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

pykv_status lsm_check_writable(lsm *self)
{
    if (PYKV_UNLIKELY(self->options.read_only != 0)) {
        return error_set(PYKV_READ_ONLY, "%s is open read-only", env_directory_path(self->home));
    }
    return wal_check(self->log);
}

pykv_status lsm_check_sequences(lsm *self, size_t count)
{
    uint64_t last = wal_last_sequence(self->log);
    if (PYKV_LIKELY(last < INTERNAL_SEQUENCE_MAX && INTERNAL_SEQUENCE_MAX - last >= count)) {
        return PYKV_OK;
    }
    return error_set(PYKV_NOT_SUPPORTED, "%s has used all its sequences",
                     env_directory_path(self->home));
}

void lsm_publish(lsm *self)
{
    atomic_store_explicit(&self->visible_sequence, wal_last_sequence(self->log),
                          memory_order_release);
    change_feeds_wake(&self->feeds);
}

pykv_status lsm_append_failed(lsm *self, pykv_status status)
{
    if (status == PYKV_NO_SPACE) {
        lsm_note(self, LSM_WORK_APPEND, status);
    }
    return status;
}

/* Reads what is there now and asks. */
static pykv_status ask(lsm *self, const record *operation, int32_t flags, lsm_question *question)
    REQUIRES(self->writer)
{
    pykv_pinned pinned;
    uint64_t hash = lsm_hash(self, operation->key);
    lsm_publish(self);
    epoch_token token = epoch_enter(&self->gate.readers);
    lsm_moment now = {lsm_view(self), wal_last_sequence(self->log), 0};
    flags |= question->expected == NULL && !PYKV_PLANTED(394) ? LSM_NO_VALUE : 0;
    pykv_status status = lsm_find(self, &now, operation->key, hash, flags, &pinned);
    if (status == PYKV_OK) {
        slice value = slice_make(pinned.data, pinned.length);
        question->met = question->test(question, &value);
        mem_free(pinned.owned);
    } else if (status == PYKV_NOT_FOUND) {
        question->met = question->test(question, NULL);
        status = PYKV_OK;
    }
    epoch_leave(&self->gate.readers, token);
    return status;
}

/* Makes sure that adding to the active memtable cannot fail. */
static pykv_status reserve(lsm *self, const record *operations, size_t count) REQUIRES(self->writer)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += memtable_entry_bytes(operations[i].key.size, operations[i].value.size,
                                      operations[i].deadline_us != 0);
    }
    return memtable_reserve(lsm_view(self)->active, count, bytes);
}

static void add_one(lsm *self, memtable *to, const record *added) REQUIRES(self->writer)
{
    iterator_entry entry = {.key = added->key,
                            .value = added->value,
                            .sequence = added->sequence,
                            .deadline_us = added->deadline_us,
                            .body_crc = added->body_crc,
                            .kind = added->kind};
    memtable_add(to, &entry, lsm_hash(self, added->key));
}

/* In chunks; one record goes the shorter way. */
static void add_all(lsm *self, memtable *to, const record *added, size_t count)
    REQUIRES(self->writer)
{
    uint64_t hashes[MEMTABLE_ADD_MAX];
    if (PYKV_LIKELY(count == 1)) {
        add_one(self, to, added);
        return;
    }
    while (count > 0) {
        size_t some = count < MEMTABLE_ADD_MAX ? count : MEMTABLE_ADD_MAX;
        for (size_t i = 0; i < some; i++) {
            hashes[i] = lsm_hash(self, added[i].key);
        }
        memtable_add_many(to, added, hashes, some);
        added += some;
        count -= some;
    }
}

/* Range deletes go elsewhere. */
static void add_between_ranges(lsm *self, memtable *to, const record *added, size_t count)
    REQUIRES(self->writer)
{
    for (size_t i = 0; i < count;) {
        size_t end = i;
        while (end < count && added[end].kind != RECORD_RANGE_DELETE) {
            end++;
        }
        if (end > i) {
            add_all(self, to, &added[i], end - i);
        }
        i = end + 1;
    }
}

static void count_operations(lsm *self, const record *operations, size_t count, uint64_t bytes)
    REQUIRES(self->writer)
{
    size_t deletes = 0;
    size_t ranges = 0;
    uint64_t user_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        user_bytes += operations[i].key.size + operations[i].value.size;
        deletes += operations[i].kind == RECORD_DELETE;
        ranges += operations[i].kind == RECORD_RANGE_DELETE;
    }
    if (PYKV_UNLIKELY(ranges > 0)) {
        lsm_count_some(&self->counters.range_delete_count, ranges);
    }
    lsm_count_some(&self->counters.delete_count, deletes);
    lsm_count_some(&self->counters.put_count, count - deletes - ranges);
    lsm_count_some(&self->counters.user_bytes, user_bytes);
    lsm_count_some(&self->counters.written_bytes, bytes);
}

/* Appends operations that there is room for, and adds them to the memtable. */
static pykv_status append(lsm *self, record *operations, size_t count, uint64_t bytes, bool ranges)
    REQUIRES(self->writer)
{
    pykv_status status = wal_append(self->log, operations, count);
    if (status != PYKV_OK) {
        return lsm_append_failed(self, status);
    }
    memtable *active = lsm_view(self)->active;
    self->is_flush_due = true;
    if (PYKV_PLANTED(266)) {
        lsm_publish(self);
    }
    if (PYKV_UNLIKELY(ranges)) {
        add_between_ranges(self, active, operations, count);
    } else {
        add_all(self, active, operations, count);
    }
    PYKV_CHECKED(lsm_visible(self) < operations[0].sequence); /* all is in before any of it shows */
    count_operations(self, operations, count, bytes);
    if (PYKV_UNLIKELY(lsm_brake_is_on(self))) {
        lsm_brake_charge(self, bytes);
    }
    if (PYKV_UNLIKELY(self->failures[LSM_WORK_APPEND].status != PYKV_OK)) {
        lsm_note(self, LSM_WORK_APPEND, PYKV_OK);
    }
    return PYKV_OK;
}

/* The same with range deletes among them. */
static pykv_status append_ranges(lsm *self, record *operations, size_t count, uint64_t bytes)
    REQUIRES(self->writer)
{
    memtable_range_change change;
    memtable *active = lsm_view(self)->active;
    uint64_t first_sequence = wal_last_sequence(self->log) + 1;
    pykv_status status =
        memtable_ranges_prepare(active, operations, count, first_sequence, &change);
    if (status == PYKV_OK) {
        status = append(self, operations, count, bytes, true);
    }
    if (status == PYKV_OK) {
        memtable_ranges_apply(active, &change);
    } else {
        memtable_ranges_drop(&change);
    }
    return status;
}

/* Makes room for operations. *large_out: they are to have a memtable of their own. */
static pykv_status make_room(lsm *self, size_t count, uint64_t bytes, bool *large_out)
    REQUIRES(self->writer)
{
    uint64_t memtable_bytes = bytes + count * MEMTABLE_ENTRY_NODE_BYTES;
    *large_out = lsm_is_large(self, memtable_bytes);
    return PYKV_UNLIKELY(*large_out) ? lsm_make_large_room(self, bytes, memtable_bytes)
                                     : lsm_make_room(self, bytes);
}

static pykv_status write_locked(lsm *self, record *operations, size_t count, int32_t flags,
                                lsm_question *question) REQUIRES(self->writer)
{
    pykv_status status = lsm_check_writable(self);
    if (PYKV_UNLIKELY((flags & LSM_NAMED) != 0) && status == PYKV_OK) {
        status = lsm_names_check(self, operations, count);
    }
    if (status == PYKV_OK && question != NULL) {
        status = ask(self, &operations[0], flags, question);
    }
    if (status != PYKV_OK || (question != NULL && !question->met)) {
        return status;
    }
    uint64_t bytes = wal_bytes(operations, count);
    bool ranges = lsm_deletes_ranges(operations, count);
    status = lsm_check_sequences(self, count);
    if (PYKV_UNLIKELY(ranges) && status == PYKV_OK) {
        status = lsm_make_range_room(self);
    }
    bool is_large = false;
    if (status == PYKV_OK) {
        status = make_room(self, count, bytes, &is_large);
    }
    if (status == PYKV_OK) {
        status = reserve(self, operations, count);
    }
    if (status == PYKV_OK) {
        status = PYKV_UNLIKELY(ranges) ? append_ranges(self, operations, count, bytes)
                                       : append(self, operations, count, bytes, false);
    }
    if (PYKV_UNLIKELY((flags & LSM_DROPS) != 0) && status == PYKV_OK) {
        lsm_names_leave(self, operations, count);
    }
    if (status == PYKV_OK && (!lsm_waits_for_sync(self, flags) || PYKV_PLANTED(96))) {
        lsm_publish(self);
    }
    if (PYKV_UNLIKELY(is_large) && status == PYKV_OK) {
        lsm_end_large(self);
    }
    return status;
}

/* One attempt. *sequence_out: the last that was written. */
static pykv_status write_once(lsm *self, record *operations, size_t count, int32_t flags,
                              lsm_question *question, uint64_t *sequence_out)
{
    if (!lock_writer(self, flags)) {
        return PYKV_WOULD_BLOCK;
    }
    pykv_status status = write_locked(self, operations, count, flags, question);
    *sequence_out = self->log != NULL ? wal_last_sequence(self->log) : 0;
    mutex_unlock(&self->writer);
    return status;
}

/* In interval durability, where no thread was lent to sync: the flags, and PYKV_SYNC when it is
 * time. */
static int32_t flags_by_interval(lsm *self, int32_t flags)
{
    bool given = (flags & (PYKV_SYNC | PYKV_NO_SYNC)) != 0;
    if (given || self->log == NULL || lent_count(&self->gate.lent, PYKV_ROLE_LOG) > 0) {
        return flags;
    }
    return wal_interval_has_passed(self->log) ? flags | PYKV_SYNC : flags;
}

/* Makes room; what is missing then shows in the state as it does for an append. */
static pykv_status provide(lsm *self, const record *operations, size_t count)
{
    bool waited = false;
    pykv_status status = PYKV_OK;
    if (lsm_deletes_ranges(operations, count)) {
        status = lsm_wait_for_ranges(self, &waited);
    }
    if (status == PYKV_OK && !waited) {
        status = lsm_provide(self, wal_bytes(operations, count));
    }
    if (status == PYKV_NO_SPACE) {
        mutex_lock(&self->writer);
        status = lsm_append_failed(self, status);
        mutex_unlock(&self->writer);
    }
    return status;
}

/* On a full disk: deletes may have the room that is kept for them, and all wait a while for what
 * gives room back. */
static bool finds_room(lsm *self, const record *operations, size_t count, full_wait *wait)
{
    return (lsm_frees_room(operations, count) && lsm_lend_room(self, PYKV_NO_SPACE)) ||
           lsm_wait_on_full_disk(self, wait);
}

/* Waits for what a write lacks that came to status. PYKV_OK: it may be tried again. */
static pykv_status make_way(lsm *self, pykv_status status, const record *operations, size_t count,
                            full_wait *wait)
{
    if (status == PYKV_WOULD_BLOCK) {
        status = provide(self, operations, count);
    }
    while (status == PYKV_NO_SPACE) {
        if (!finds_room(self, operations, count, wait)) {
            lsm_take_room_back(self);
            return PYKV_NO_SPACE;
        }
        bool was_lent = lsm_room_is_lent(self);
        status = lsm_check_room(self, operations, count);
        wait->lending_count += status == PYKV_OK && was_lent;
    }
    return status;
}

/* What a caller that may not wait is told: who may will wait for room on a full disk. */
static pykv_status without_wait(pykv_status status)
{
    return status == PYKV_NO_SPACE ? PYKV_WOULD_BLOCK : status;
}

pykv_status lsm_write_if(lsm *self, record *operations, size_t count, int32_t flags,
                         lsm_question *question)
{
    if (PYKV_UNLIKELY(self->options.durability == PYKV_DURABILITY_INTERVAL)) {
        flags = flags_by_interval(self, flags);
    }
    bool waits = lsm_waits_for_sync(self, flags);
    bool may_wait = (flags & PYKV_NO_WAIT) == 0;
    if (waits && !may_wait) {
        return PYKV_WOULD_BLOCK;
    }
    if (PYKV_UNLIKELY(lsm_brake_is_on(self)) && lsm_brake_holds(self)) {
        if (!may_wait && !PYKV_PLANTED(126)) {
            return PYKV_WOULD_BLOCK;
        }
        lsm_brake_wait(self);
    }
    full_wait wait = {.until_us = 0};
    uint64_t sequence = 0;
    pykv_status status = lsm_check_room(self, operations, count);
    for (;;) {
        if (PYKV_LIKELY(status == PYKV_OK)) {
            status = write_once(self, operations, count, flags, question, &sequence);
        }
        if (PYKV_LIKELY(status == PYKV_OK)) {
            return waits ? wal_sync_through(self->log, sequence) : PYKV_OK;
        }
        status = may_wait ? make_way(self, status, operations, count, &wait) : without_wait(status);
        if (status != PYKV_OK) {
            return status;
        }
    }
}

void lsm_prepare_operation(record *operation, uint8_t kind, slice key, slice value,
                           uint64_t deadline_us)
{
    *operation =
        (record){.kind = kind,
                 .flags = deadline_us != 0 && !PYKV_PLANTED(161) ? RECORD_FLAG_DEADLINE : 0,
                 .deadline_us = deadline_us,
                 .key = key,
                 .value = value};
    if (PYKV_UNLIKELY(key.size > UINT16_MAX)) {
        operation->flags |= RECORD_FLAG_LONG_KEY;
    }
    operation->body_crc = record_body_crc(operation);
}

pykv_status lsm_put(lsm *self, slice key, slice value, int32_t flags)
{
    return lsm_put_until(self, key, value, 0, flags);
}

pykv_status lsm_put_until(lsm *self, slice key, slice value, uint64_t deadline_us, int32_t flags)
{
    record operation;
    lsm_prepare_operation(&operation, RECORD_PUT, key, value, deadline_us);
    return lsm_write_if(self, &operation, 1, flags, NULL);
}

static bool is_present(const lsm_question *self, const slice *value)
{
    (void)self;
    return value != NULL;
}

pykv_status lsm_delete(lsm *self, slice key, int32_t flags, int32_t *existed_out)
{
    record operation;
    lsm_question question = {.test = is_present};
    lsm_prepare_operation(&operation, RECORD_DELETE, key, slice_make(NULL, 0), 0);
    pykv_status status =
        lsm_write_if(self, &operation, 1, flags, existed_out != NULL ? &question : NULL);
    if (status == PYKV_OK && existed_out != NULL) {
        *existed_out = question.met;
    }
    return status;
}

static bool equals_expected(const lsm_question *self, const slice *value)
{
    if (self->expected == NULL || value == NULL) {
        return self->expected == NULL && value == NULL;
    }
    return slice_equal(*self->expected, *value) || PYKV_PLANTED(281);
}

pykv_status lsm_compare_and_set(lsm *self, slice key, const slice *expected, const slice *value,
                                uint64_t deadline_us, int32_t flags, int32_t *swapped_out)
{
    record operation;
    lsm_question question = {.test = equals_expected, .expected = expected};
    lsm_prepare_operation(&operation, value != NULL ? RECORD_PUT : RECORD_DELETE, key,
                          value != NULL ? *value : slice_make(NULL, 0), deadline_us);
    pykv_status status = lsm_write_if(self, &operation, 1, flags, &question);
    if (status == PYKV_OK) {
        *swapped_out = question.met;
    }
    return status;
}

static size_t user_bytes(slice stored)
{
    uint32_t space;
    slice user_key;
    bool is_users = key_space_is_marked(stored) && key_space_split(stored, &space, &user_key);
    return is_users ? user_key.size : stored.size;
}

/* Bytes of keys and values as users give them, which is what the limit of a batch counts. */
static uint64_t batch_bytes(const record *operations, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += user_bytes(operations[i].key) + operations[i].value.size;
    }
    return bytes;
}

/* No write but what its flags ask for: the writes before it. */
static pykv_status write_nothing(lsm *self, int32_t flags)
{
    if (!lsm_waits_for_sync(self, flags) || PYKV_PLANTED(372)) {
        return PYKV_OK;
    }
    return (flags & PYKV_NO_WAIT) != 0 ? PYKV_WOULD_BLOCK : lsm_sync(self);
}

pykv_status lsm_write(lsm *self, record *operations, size_t count, int32_t flags)
{
    pykv_status status = lsm_drop_empty_ranges(operations, &count);
    if (status != PYKV_OK || count == 0) {
        return status == PYKV_OK ? write_nothing(self, flags) : status;
    }
    uint64_t bytes = batch_bytes(operations, count);
    if (count > 1 && bytes > self->options.batch_bytes_max) {
        return error_set(PYKV_BATCH_TOO_LARGE,
                         "the batch has %llu bytes of keys and values; batch_bytes_max allows %llu",
                         (unsigned long long)bytes,
                         (unsigned long long)self->options.batch_bytes_max);
    }
    for (size_t i = 0; i < count; i++) {
        lsm_prepare_operation(&operations[i], operations[i].kind, operations[i].key,
                              operations[i].value, operations[i].deadline_us);
    }
    return lsm_write_if(self, operations, count, flags, NULL);
}
