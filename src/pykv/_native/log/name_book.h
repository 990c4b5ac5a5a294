/*
 * name_book: the namespaces of a store: their names and ids, and who makes or drops one.
 *
 * A name is a row of a hidden namespace, NAMESPACE_NAMES, with the id for its value; the row of the
 * empty name has the highest id ever given. Rows are written like any other: they are as durable as
 * the writes around them, and what undoes one after a crash undoes every write to the namespace. A
 * create is one batch of both rows. A drop is one batch of a delete of the row and of all keys. Ids
 * are never given again.
 *
 * How rows are read and written, and how writes behind a drop are refused, is the owner's
 * (name_rows).
 *
 * Thread-safe. Callers hold none of the owner's locks.
 */
#ifndef PYKV_LOG_NAME_BOOK_H
#define PYKV_LOG_NAME_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/mutex.h"
#include "base/slice.h"

/* Ids of namespaces: 1 .. NAMESPACE_ID_MAX, and these. */
#define NAMESPACE_DEFAULT UINT32_C(0)
#define NAMESPACE_ID_MAX  (UINT32_MAX - 2)
#define NAMESPACE_NAMES   (UINT32_MAX - 1)

enum { NAME_ID_BYTES = 4 };

/* What the owner does; statuses are those of its reads and writes. */
typedef struct name_rows {
    /* The id in the row of a name. PYKV_NOT_FOUND. */
    pykv_status (*read)(void *owner, slice name, uint32_t *id_out);
    /* Calls use for the id in each row but that of the empty name. */
    pykv_status (*use_all)(void *owner);
    /* From now on writes to the namespace are taken. Never fails where they were before. */
    pykv_status (*use)(void *owner, uint32_t id);
    /* From now on they are refused. */
    void (*leave)(void *owner, uint32_t id);
    /* Writes both rows of a create; the name's and all keys' delete, behind which no write to the
     * namespace is taken. */
    pykv_status (*create)(void *owner, slice name, uint32_t id, int32_t flags);
    pykv_status (*drop)(void *owner, slice name, uint32_t id, int32_t flags);
} name_rows;

typedef struct name_book {
    /* Constant. */
    const name_rows *rows;
    void *owner;
    bool is_read_only; /* none is made */

    mutex lock; /* taken before the owner's */
    bool is_loaded GUARDED_BY(lock);
    uint32_t last_id GUARDED_BY(lock); /* 0: there never was a namespace */
} name_book;

void name_book_init(name_book *self, const name_rows *rows, void *owner, bool is_read_only);
void name_book_destroy(name_book *self);

/* Reads which ids are in use, once. PYKV_CORRUPTION. */
PYKV_NODISCARD pykv_status name_book_load(name_book *self) REQUIRES(self->lock);

/* The rows have changed by themselves: they are read again when they are asked for. */
void name_book_forget(name_book *self);

/* The id of a namespace. PYKV_NOT_FOUND; PYKV_CORRUPTION. */
PYKV_NODISCARD pykv_status name_book_find(name_book *self, slice name, uint32_t *id_out);

/* The same, and makes it where there is none, unless the book is read-only. What a write gives;
 * PYKV_NOT_SUPPORTED: all ids were given. */
PYKV_NODISCARD pykv_status name_book_make(name_book *self, slice name, int32_t flags,
                                          uint32_t *id_out);

/* Removes a namespace and all its keys; its id goes to id_out. PYKV_NOT_FOUND; what a write gives,
 * with nothing changed. */
PYKV_NODISCARD pykv_status name_book_drop(name_book *self, slice name, int32_t flags,
                                          uint32_t *id_out);

/* True if there ever was a namespace; false too where that cannot be read. */
bool name_book_is_used(name_book *self);

/* The id in the value of a row. PYKV_CORRUPTION naming path. */
PYKV_NODISCARD pykv_status name_book_decode(slice value, const char *path, uint32_t *id_out);

#endif
