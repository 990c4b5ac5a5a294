/*
 * table_file: opens tables by what the manifest says of them, and buries them.
 *
 * The graveyard is a stack: any thread pushes one table, and whoever empties it takes all at once,
 * so that no table is ever taken from under another's push.
 */
#include "lsm/table_file.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

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
    self->home = home;
    self->source = source;
    atomic_init(&self->dead, NULL);
}

/* A file that is gone is damage: the manifest lists it. */
static pykv_status set_missing(const table_graveyard *graveyard, const char *name)
{
    char path[PYKV_ERROR_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", env_directory_path(graveyard->home), name);
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

static pykv_status open_table(const table_graveyard *graveyard, const manifest_table *facts,
                              const table_open_options *options, table **table_out)
{
    char name[TABLE_FILE_NAME_BYTES];
    table_open_options exact = *options;
    table *opened;
    exact.file_id = facts->file_id;
    exact.file_bytes = facts->file_bytes;
    table_file_name(facts->number, name);
    pykv_status status = table_open(graveyard->home, name, &exact, &opened);
    if (status == PYKV_PATH_NOT_FOUND) {
        return set_missing(graveyard, name);
    }
    if (status == PYKV_OK) {
        status = check_facts(opened, facts);
        if (status == PYKV_OK) {
            *table_out = opened;
        } else {
            table_close(opened);
        }
    }
    return status;
}

pykv_status table_file_open(table_graveyard *graveyard, const manifest_table *facts,
                            const table_open_options *options, table_file **file_out)
{
    table_file *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    pykv_status status = open_table(graveyard, facts, options, &self->table);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    self->facts = *facts;
    self->smallest = self->table->properties.first_key;
    self->largest = self->table->properties.last_key;
    self->graveyard = graveyard;
    atomic_init(&self->references, 1);
    atomic_init(&self->obsolete, false);
    *file_out = self;
    return PYKV_OK;
}

/* ---- references ---- */

void table_file_acquire(table_file *self)
{
    uint32_t before = atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    PYKV_ASSERT(before > 0);
}

static void bury(table_file *self)
{
    table_graveyard *graveyard = self->graveyard;
    self->next_dead = atomic_load_explicit(&graveyard->dead, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&graveyard->dead, &self->next_dead, self,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

void table_file_release(table_file *self)
{
    uint32_t before = atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel);
    PYKV_ASSERT(before > 0);
    if (before == 1) {
        bury(self);
    }
}

void table_file_mark_obsolete(table_file *self)
{
    atomic_store_explicit(&self->obsolete, true, memory_order_relaxed);
}

/* ---- the graveyard ---- */

static void close_file(table_graveyard *graveyard, table_file *self)
{
    char name[TABLE_FILE_NAME_BYTES];
    bool obsolete = atomic_load_explicit(&self->obsolete, memory_order_relaxed);
    table_file_name(self->facts.number, name);
    if (graveyard->source != NULL) {
        block_source_cached_forget(graveyard->source, self->table);
    }
    table_close(self->table);
    mem_free(self);
    if (obsolete || PYKV_PLANTED(71)) {
        pykv_error failure = *error_last();
        if (env_unlink(graveyard->home, name) != PYKV_OK) {
            error_restore(&failure); /* an orphan that the next open removes */
        }
    }
}

uint64_t table_graveyard_empty(table_graveyard *self)
{
    uint64_t count = 0;
    table_file *file = atomic_exchange_explicit(&self->dead, NULL, memory_order_acquire);
    while (file != NULL) {
        table_file *next = file->next_dead;
        close_file(self, file);
        file = next;
        count++;
    }
    return count;
}
