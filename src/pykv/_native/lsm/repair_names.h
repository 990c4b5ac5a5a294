/*
 * repair_names: the namespaces of an LSM store in a repair (log/name_repair.h), by stored keys.
 *
 * Not thread-safe.
 */
#ifndef PYKV_LSM_REPAIR_NAMES_H
#define PYKV_LSM_REPAIR_NAMES_H

#include "log/name_repair.h"
#include "lsm/store.h"

/* What a row of the repaired store is. */
typedef enum repair_row {
    REPAIR_ROW_USER = 0,
    REPAIR_ROW_NAME,   /* to be saved, and not counted */
    REPAIR_ROW_DAMAGED /* a name with no id, or a key that no store has: not to be saved */
} repair_row;

/* Notes a row that is to be saved. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status repair_names_note(name_repair *self, slice key, slice value,
                                             repair_row *row_out);

/* As name_repair_finish. */
PYKV_NODISCARD pykv_status repair_names_finish(name_repair *self, lsm *target, pykv_report *report);

#endif
