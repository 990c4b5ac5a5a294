/*
 * table_file: opens tables by what the manifest says of them, and closes them.
 */
#include "lsm/table_file.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/value_refs.h"

/* ---- names ---- */

void table_file_name(uint32_t number, char out[TABLE_FILE_NAME_BYTES])
{
    snprintf(out, TABLE_FILE_NAME_BYTES, "%08x.tbl", number);
}

/* The value of a hexadecimal digit as snprintf writes it, or 16. */
static uint32_t digit_of(char text)
{
    if (text >= '0' && text <= '9') {
        return (uint32_t)(text - '0');
    }
    return text >= 'a' && text <= 'f' ? (uint32_t)(text - 'a') + 10 : 16;
}

uint32_t table_file_number(const char *name)
{
    uint32_t number = 0;
    if (strlen(name) != TABLE_FILE_NAME_BYTES - 1 || strcmp(name + 8, ".tbl") != 0) {
        return 0;
    }
    for (size_t i = 0; i < 8; i++) {
        uint32_t digit = digit_of(name[i]);
        if (digit > 15) {
            return 0;
        }
        number = number << 4 | digit;
    }
    return number;
}

/* ---- open ---- */

void table_graveyard_init(table_graveyard *self, env_directory *home, block_source_cached *source)
{
    graveyard_init(&self->files, home);
    self->source = source;
}

/* A file that is gone is damage: the manifest lists it. */
static pykv_status set_missing(const table_graveyard *graves, const char *name)
{
    char path[PYKV_ERROR_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", env_directory_path(graves->files.home), name);
    return error_set_corruption(path, 0, "a table that the manifest lists is missing", 1, 0);
}

static pykv_status check_facts(const table *opened, const manifest_table *facts)
{
    const table_properties *found = &opened->properties;
    const struct {
        const char *what;
        uint64_t expected;
        uint64_t got;
    } pairs[] = {
        {"the table has another number of entries", facts->entry_count, found->entry_count},
        {"the table has another number of tombstones", facts->tombstone_count,
         found->tombstone_count},
        {"the table has another lowest sequence", facts->sequence_min, found->sequence_min},
        {"the table has another highest sequence", facts->sequence_max, found->sequence_max},
        {"the table has another earliest deadline", facts->deadline_min_us, found->deadline_min_us},
        {"the table has another latest deadline", facts->deadline_max_us, found->deadline_max_us},
        {"the table has another size before compression", facts->raw_bytes, found->raw_bytes},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pairs[i].expected != pairs[i].got && !PYKV_PLANTED(70)) {
            return error_set_corruption(env_file_path(opened->file),
                                        opened->footer.properties.offset, pairs[i].what,
                                        pairs[i].expected, pairs[i].got);
        }
    }
    return PYKV_OK;
}

static pykv_status open_table(const table_graveyard *graves, const manifest_table *facts,
                              const table_open_options *options, table **table_out)
{
    char name[TABLE_FILE_NAME_BYTES];
    table_open_options exact = *options;
    table *opened;
    exact.file_id = facts->file_id;
    exact.sequence = facts->sequence_min == facts->sequence_max ? facts->sequence_max : 0;
    exact.file_bytes = facts->file_bytes;
    table_file_name(facts->number, name);
    pykv_status status = table_open(graves->files.home, name, &exact, &opened);
    if (status == PYKV_PATH_NOT_FOUND) {
        return set_missing(graves, name);
    }
    if (status == PYKV_OK) {
        status = check_facts(opened, facts);
        if (status == PYKV_OK) {
            status = value_refs_check(opened->properties.attached, env_file_path(opened->file));
        }
        if (status == PYKV_OK) {
            *table_out = opened;
        } else {
            table_close(opened);
        }
    }
    return status;
}

static void close_file(shared_file *shared, char *name_out)
{
    table_file *self = (table_file *)shared;
    table_file_name(self->facts.number, name_out);
    if (self->graveyard->source != NULL) {
        block_source_cached_forget(self->graveyard->source, self->table);
        block_source_cached_count_closed(self->graveyard->source, self->table);
    }
    table_close(self->table);
    mem_free(self);
}

pykv_status table_file_open(table_graveyard *graves, const manifest_table *facts,
                            const table_open_options *options, table_file **file_out)
{
    table_file *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    pykv_status status = open_table(graves, facts, options, &self->table);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    self->facts = *facts;
    self->smallest = self->table->properties.first_key;
    self->largest = self->table->properties.last_key;
    self->graveyard = graves;
    shared_file_init(&self->shared, &graves->files, close_file);
    if (graves->source != NULL) {
        block_source_cached_count_opened(graves->source, self->table);
    }
    *file_out = self;
    return PYKV_OK;
}

uint64_t table_graveyard_empty(table_graveyard *self)
{
    return graveyard_empty(&self->files);
}
