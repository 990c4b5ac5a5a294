/*
 * write: what all writes go through.
 */
#ifndef PYKV_LSM_WRITE_H
#define PYKV_LSM_WRITE_H

#include "lsm/store.h"

/* A question that is asked with the writer lock held: the write is done only if it is met. */
typedef struct lsm_question {
    /* value NULL: the key is absent. */
    bool (*test)(const struct lsm_question *self, const slice *value);
    const slice *expected; /* of the test; NULL: that asks whether the key is there, no more */
    bool met;
} lsm_question;

/* Writes operations (kind, key and value set) if the question about the first one's key, NULL:
 * none, is met. PYKV_OK also if it is not. */
PYKV_NODISCARD pykv_status lsm_write_if(lsm *self, record *operations, size_t count, int32_t flags,
                                        lsm_question *question);

/* True if a write with these flags returns only when it is durable. */
bool lsm_waits_for_sync(const lsm *self, int32_t flags);

/* PYKV_READ_ONLY, PYKV_STORE_FAILED or PYKV_OK. */
PYKV_NODISCARD pykv_status lsm_check_writable(lsm *self) REQUIRES(self->writer);

/* PYKV_NOT_SUPPORTED: there are not as many sequences left. */
PYKV_NODISCARD pykv_status lsm_check_sequences(lsm *self, size_t count) REQUIRES(self->writer);

/* Makes everything appended visible. */
void lsm_publish(lsm *self) REQUIRES(self->writer);

/* Notes a failure that ends when there is space again. Returns status. */
pykv_status lsm_append_failed(lsm *self, pykv_status status) REQUIRES(self->writer);

/* Fills what a caller leaves open of an operation. */
void lsm_prepare_operation(record *operation, uint8_t kind, slice key, slice value,
                           uint64_t deadline_us);

#endif
