/*
 * repair_names: namespaces in a repair. Rows of one whose name is lost would be seen by nobody:
 * they get a name of their own. The highest id is raised to what is there, so none is given again.
 *
 * Not thread-safe.
 */
#ifndef PYKV_LSM_REPAIR_NAMES_H
#define PYKV_LSM_REPAIR_NAMES_H

#include "lsm/store.h"

typedef struct repair_names {
    uint32_t *ids; /* of rows, rising; 0 once they have a name */
    size_t count;
    size_t capacity;
    uint32_t last_id;  /* the highest of a row or a name */
    uint32_t given_id; /* the highest that was ever given, as it was saved */
} repair_names;

/* What a row of the repaired store is. */
typedef enum repair_row {
    REPAIR_ROW_USER = 0,
    REPAIR_ROW_NAME,   /* to be saved, and not counted */
    REPAIR_ROW_DAMAGED /* a name with no id: not to be saved */
} repair_row;

/* Notes a row that is to be saved. Rows come in the order of their keys. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status repair_names_note(repair_names *self, slice key, slice value,
                                             repair_row *row_out);

/* Writes the names that are missing, recovered-ID, and the highest id; each is a damage of
 * report. */
PYKV_NODISCARD pykv_status repair_names_finish(repair_names *self, lsm *target,
                                               pykv_report *report);

void repair_names_reset(repair_names *self);

#endif
