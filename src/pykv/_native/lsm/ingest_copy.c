/*
 * ingest_copy: a walk over one table, and a builder of the other.
 */
#include "lsm/ingest_copy.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "lsm/jobs.h"
#include "lsm/key_space.h"
#include "table/table_builder.h"
#include "table/table_iterator.h"

static pykv_status add(table_builder *to, uint32_t space, const iterator_entry *entry)
{
    uint32_t from_space;
    slice user_key;
    stored_key stored;
    if (!key_space_split(entry->key, &from_space, &user_key) || from_space != KEY_SPACE_DEFAULT) {
        return error_set(PYKV_FORMAT, "an ingested table has a key that no store has");
    }
    pykv_status status = stored_key_make(PYKV_PLANTED(245) ? space + 1 : space, user_key, &stored);
    if (status == PYKV_OK) {
        iterator_entry moved = *entry;
        moved.key = stored.key;
        status = table_builder_add(to, &moved);
        stored_key_reset(&stored);
    }
    return status;
}

static pykv_status add_all(table *from, table_builder *to, uint32_t space)
{
    iterator *walk;
    pykv_status status = table_iterator_new(from, block_source_direct(), &walk);
    if (status != PYKV_OK) {
        return status;
    }
    iterator_seek_first(walk);
    while (status == PYKV_OK && iterator_valid(walk)) {
        status = add(to, space, iterator_current(walk));
        if (status == PYKV_OK) {
            iterator_next(walk);
        }
    }
    status = status == PYKV_OK ? walk->status : status;
    iterator_free(walk);
    return status;
}

static manifest_table facts_of(const table_summary *summary)
{
    manifest_table facts = {.file_id = summary->file_id,
                            .file_bytes = summary->file_bytes,
                            .file_crc = summary->file_crc,
                            .entry_count = summary->entry_count,
                            .deadline_min_us = summary->deadline_min_us,
                            .deadline_max_us = summary->deadline_max_us,
                            .raw_bytes = summary->raw_bytes};
    memcpy(facts.eighths, summary->eighths, sizeof facts.eighths);
    return facts;
}

pykv_status ingest_copy(lsm *self, table *from, uint32_t space, uint32_t number,
                        manifest_table *facts_out)
{
    char name[TABLE_FILE_NAME_BYTES];
    table_builder *to;
    table_summary summary;
    table_job job = lsm_job(self, LSM_LEVEL_COUNT - 1, 0);
    table_file_name(number, name);
    pykv_status status = table_builder_open(self->env, self->home, name, &job.building, &to);
    if (status != PYKV_OK) {
        return status;
    }
    status = add_all(from, to, space);
    if (status == PYKV_OK) {
        status = table_builder_finish(to, &summary);
    }
    if (status == PYKV_OK) {
        *facts_out = facts_of(&summary);
    }
    table_builder_free(to);
    return status;
}
