/*
 * name_repair: namespaces in a repair. Rows of one whose name is lost would be seen by nobody: they
 * get a name of their own. The highest id is raised to what is there, so none is given again.
 *
 * Not thread-safe.
 */
#ifndef PYKV_LOG_NAME_REPAIR_H
#define PYKV_LOG_NAME_REPAIR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/id_table.h"
#include "log/name_book.h"

/* A namespace that was met. */
typedef struct name_repair_space {
    uint32_t id;
    bool has_rows;
    bool has_name;
} name_repair_space;

typedef struct name_repair {
    id_table spaces;   /* of name_repair_space */
    uint32_t given_id; /* the highest that was ever given, as it was saved */
} name_repair;

/* The store that is made. */
typedef struct name_repair_target {
    void *owner;
    const char *path;
    /* PYKV_OK: there is such a name; PYKV_NOT_FOUND. */
    pykv_status (*contains)(void *owner, slice name);
    pykv_status (*put)(void *owner, slice name, uint32_t id);
} name_repair_target;

/* Notes that a namespace has a row. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status name_repair_note_row(name_repair *self, uint32_t id);

/* Notes the row of a name; *is_legal_out false: it has no id, and is not to be saved.
 * PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status name_repair_note_name(name_repair *self, slice name, slice value,
                                                 bool *is_legal_out);

/* Writes the names that are missing, recovered-ID, and the highest id; each is a damage of
 * report. */
PYKV_NODISCARD pykv_status name_repair_finish(name_repair *self, const name_repair_target *target,
                                              pykv_report *report);

void name_repair_reset(name_repair *self);

#endif
