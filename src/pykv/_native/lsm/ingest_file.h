/*
 * ingest_file: a table that was made outside of a store, on its way into one.
 *
 * Such a table has puts alone, each key once, all of sequence TABLE_SEQUENCE_FOREIGN, and nothing
 * attached (lsm/ingest_writer.h makes them). Not thread-safe.
 */
#ifndef PYKV_LSM_INGEST_FILE_H
#define PYKV_LSM_INGEST_FILE_H

#include "base/buffer.h"
#include "log/path_split.h"
#include "lsm/store.h"

typedef struct ingest_file {
    const char *path; /* as given; borrowed */
    path_parts parts;
    env_directory *from;
    buffer smallest; /* as stored there, as is largest */
    buffer largest;
    uint32_t space;       /* the namespace that its rows come to */
    manifest_table facts; /* number 0: it has no name in the store yet */
} ingest_file;

/* Opens the file at path, whose rows are to come to a namespace, and checks every byte and the
 * order of its keys. PYKV_PATH_NOT_FOUND;
 * PYKV_CORRUPTION: it is no table, is not finished, or damaged; PYKV_FORMAT: of another version, or
 * no table of that kind; all name it. Undo with ingest_file_reset, also after a failure. */
PYKV_NODISCARD pykv_status ingest_file_open(lsm *self, uint32_t space, const char *path,
                                            ingest_file *out);

/* Gives it a name in the store, with a number of its own: a link, or a copy; for a namespace other
 * than the default one a table of its own (lsm/ingest_copy.h). Its bytes are durable then; its name
 * is once the directory is synced. */
PYKV_NODISCARD pykv_status ingest_file_bring(lsm *self, ingest_file *file);

/* Takes that name away. */
void ingest_file_take_back(lsm *self, ingest_file *file);

void ingest_file_reset(ingest_file *self);

static inline slice ingest_file_smallest(const ingest_file *self)
{
    return slice_make(self->smallest.data, self->smallest.size);
}

static inline slice ingest_file_largest(const ingest_file *self)
{
    return slice_make(self->largest.data, self->largest.size);
}

#endif
