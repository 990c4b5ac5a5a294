/*
 * health: the ways from open to read-only, for as long as the disk is full, and to failed, for
 * good.
 */
#include "bitcask/health.h"

#include "base/error.h"
#include "base/invariant.h"

pykv_status bitcask_check_writable(bitcask *self)
{
    if (PYKV_LIKELY(self->state != PYKV_STATE_FAILED)) {
        if (PYKV_UNLIKELY(self->options.read_only != 0)) {
            return error_set(PYKV_READ_ONLY, "%s is open read-only",
                             env_directory_path(self->home));
        }
        return PYKV_OK;
    }
    return error_set(
        PYKV_STORE_FAILED,
        "writes are refused since a failure (%.300s): close the store and open it again",
        self->failure.text);
}

pykv_status bitcask_append_failed(bitcask *self, pykv_status status)
{
    if (status == PYKV_NO_SPACE && self->state == PYKV_STATE_OPEN) {
        self->state = PYKV_STATE_READ_ONLY;
        self->failure = *error_last();
    }
    return status;
}

void bitcask_fail(bitcask *self)
{
    if (self->state != PYKV_STATE_FAILED && !PYKV_PLANTED(52)) {
        self->state = PYKV_STATE_FAILED;
        self->failure = *error_last();
    }
    self->pending_count = 0;
}
