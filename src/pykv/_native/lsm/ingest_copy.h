/*
 * ingest_copy: writes an ingested table again where its keys cannot stay as they are: its rows
 * become those of a namespace, whose prefix holds an id that only this store gives.
 */
#ifndef PYKV_LSM_INGEST_COPY_H
#define PYKV_LSM_INGEST_COPY_H

#include "lsm/store.h"

/* Writes the rows of from (lsm/ingest_file.h), which are those of the default namespace, to a new
 * file of the store as rows of space. Its name is that of number, which the caller removes after a
 * failure. Its bytes are durable. Of facts_out, what the file says of itself is set. */
PYKV_NODISCARD pykv_status ingest_copy(lsm *self, table *from, uint32_t space, uint32_t number,
                                       manifest_table *facts_out);

#endif
