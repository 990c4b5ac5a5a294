/*
 * write_conditional: compare-and-set, and clear.
 */
#include "bitcask/bitcask.h"
#include "bitcask/directory.h"
#include "bitcask/health.h"
#include "bitcask/named.h"
#include "bitcask/publish_waiting.h"
#include "bitcask/rolling.h"
#include "bitcask/sync.h"
#include "bitcask/write.h"

static bool equals_expected(const write_condition *self, const record *current)
{
    if (self->expected == NULL) {
        return current == NULL;
    }
    return current != NULL && slice_equal(current->value, *self->expected);
}

pykv_status bitcask_compare_and_set(bitcask *self, slice key, const slice *expected,
                                    const slice *value, uint64_t deadline_us, int32_t flags,
                                    int32_t *swapped_out)
{
    return bitcask_compare_and_set_in(self, &self->spaces.main, key, expected, value, deadline_us,
                                      flags, swapped_out);
}

pykv_status bitcask_compare_and_set_in(bitcask *self, space *within, slice key,
                                       const slice *expected, const slice *value,
                                       uint64_t deadline_us, int32_t flags, int32_t *swapped_out)
{
    operation write;
    write_condition asked = {.test = equals_expected, .expected = expected};
    bool puts = value != NULL;
    operation_enter(&write, within);
    bitcask_prepare_operation(self, &write, puts ? RECORD_PUT : RECORD_DELETE, key,
                              puts ? *value : slice_make(NULL, 0), puts ? deadline_us : 0);
    pykv_status status = bitcask_write_if(self, &write, 1, flags, &asked);
    if (status == PYKV_OK) {
        *swapped_out = asked.met;
    }
    return status;
}

/* Appends the clear record; publishes it at once, or leaves that to the sync. */
static pykv_status clear_locked(bitcask *self, operation *write, uint64_t bytes, bool waits)
    REQUIRES(self->writer)
{
    pykv_status status = bitcask_check_writable(self);
    if (status == PYKV_OK) {
        status = bitcask_publish_pending(self, UINT64_MAX);
    }
    if (status == PYKV_OK) {
        status = bitcask_make_room(self, bytes);
    }
    if (status == PYKV_OK) {
        status = bitcask_find_spaces(self, write, 1);
    }
    if (status == PYKV_OK && self->spare == NULL) {
        status = directory_new(&self->spare);
    }
    return status == PYKV_OK ? bitcask_append_and_publish(self, write, 1, waits) : status;
}

pykv_status bitcask_clear(bitcask *self, int32_t flags)
{
    return bitcask_clear_in(self, &self->spaces.main, flags);
}

pykv_status bitcask_clear_in(bitcask *self, space *within, int32_t flags)
{
    operation write;
    bool waits = bitcask_waits_for_sync(self, flags);
    operation_enter(&write, within);
    bitcask_prepare_operation(self, &write, RECORD_CLEAR, slice_make(NULL, 0), slice_make(NULL, 0),
                              0);
    for (;;) {
        mutex_lock(&self->writer);
        uint64_t bytes = log_writer_bytes(&self->log, &write.record);
        pykv_status status = clear_locked(self, &write, bytes, waits);
        uint64_t sequence = self->appended_sequence;
        mutex_unlock(&self->writer);
        if (status == PYKV_OK) {
            return waits ? bitcask_sync_through(self, sequence) : PYKV_OK;
        }
        if (status != PYKV_WOULD_BLOCK) {
            return status;
        }
        status = bitcask_provide(self, bytes);
        if (status != PYKV_OK) {
            return status;
        }
    }
}
