/*
 * user_iterator_value: rows whose value stands in a value segment. See user_iterator_internal.h.
 */
#include <inttypes.h>

#include "base/error.h"
#include "lsm/user_iterator_internal.h"
#include "lsm/version_values.h"

static pykv_status refuse_kind(user_iterator *self, const iterator_entry *entry)
{
    return user_fail(self,
                     error_set(PYKV_CORRUPTION,
                               "kind %d of the operation with sequence %" PRIu64 " is not known",
                               entry->kind, entry->sequence));
}

pykv_status user_resolve(user_iterator *self, const iterator_entry *entry,
                         const iterator_entry **row_out)
{
    if (entry->kind != INTERNAL_KIND_POINTER || self->values_of == NULL) {
        return refuse_kind(self, entry);
    }
    iterator_entry row = *entry;
    row.kind = RECORD_PUT;
    row.value = slice_make("", 0);
    if (!self->keys_only) {
        pykv_status status = version_read_value(self->values_of, entry, &self->pointed, &row.value);
        if (status != PYKV_OK) {
            return user_fail(self, status);
        }
    }
    self->resolved = row;
    *row_out = &self->resolved;
    return PYKV_OK;
}
