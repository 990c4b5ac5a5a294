/*
 * doubt: a version, until a manifest is durable. Not thread-safe.
 */
#include "lsm/doubt.h"

/* The version changes only with a durable manifest or a clear, so what a second clear replaces
 * meanwhile is empty. */
void doubt_cleared(doubt *self, version *before)
{
    if (self->cleared == NULL) {
        self->cleared = version_acquire(before);
    }
}

/* Every table and value segment of a version goes with its last reference. */
static void mark_all_obsolete(const version *of)
{
    for (int i = 0; i < LSM_LEVEL_COUNT; i++) {
        for (uint32_t k = 0; k < of->levels[i].count; k++) {
            table_file_mark_obsolete(of->levels[i].files[k]);
        }
    }
    for (uint32_t i = 0; i < of->value_segment_count; i++) {
        value_segment_mark_obsolete(of->values[i].segment);
    }
}

void doubt_end(doubt *self)
{
    if (self->cleared != NULL) {
        mark_all_obsolete(self->cleared);
    }
    doubt_reset(self);
}

void doubt_reset(doubt *self)
{
    version_release(self->cleared);
    self->cleared = NULL;
}
