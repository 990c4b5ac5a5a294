/*
 * doubt: a version and numbers of files, until a manifest is durable. Not thread-safe.
 */
#include "lsm/doubt.h"

#include <string.h>

#include "log/log_file.h"

/* The version changes only with a durable manifest or a clear, so what a second clear replaces
 * meanwhile is empty. */
void doubt_cleared(doubt *self, version *before)
{
    if (self->cleared == NULL) {
        self->cleared = version_acquire(before);
    }
}

static void add_number(buffer *numbers, uint32_t number)
{
    if (buffer_append(numbers, &number, sizeof number) != PYKV_OK) {
        /* The next open removes the file. */
    }
}

void doubt_outputs(doubt *self, const manifest_table *tables, size_t table_count,
                   const manifest_values *values, size_t values_count)
{
    for (size_t i = 0; i < table_count; i++) {
        add_number(&self->tables, tables[i].number);
    }
    for (size_t i = 0; i < values_count; i++) {
        add_number(&self->values, values[i].number);
    }
}

bool doubt_has_outputs(const doubt *self)
{
    return self->tables.size + self->values.size > 0;
}

bool doubt_is_left(const doubt *self)
{
    return self->cleared != NULL || doubt_has_outputs(self);
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

/* Unlinks the files with these numbers. One that cannot be removed stays for the next open. */
static void remove_files(buffer *numbers, env_directory *home,
                         void (*name_of)(uint32_t number, char *name_out))
{
    for (size_t at = 0; at < numbers->size; at += sizeof(uint32_t)) {
        char name[SHARED_FILE_NAME_BYTES];
        uint32_t number;
        memcpy(&number, numbers->data + at, sizeof number);
        name_of(number, name);
        pykv_status ignored = env_unlink(home, name);
        (void)ignored;
    }
    buffer_reset(numbers);
}

void doubt_end(doubt *self, env_directory *home)
{
    if (self->cleared != NULL) {
        mark_all_obsolete(self->cleared);
    }
    remove_files(&self->tables, home, table_file_name);
    remove_files(&self->values, home, log_file_values_name);
    doubt_reset(self);
}

void doubt_reset(doubt *self)
{
    version_release(self->cleared);
    buffer_reset(&self->tables);
    buffer_reset(&self->values);
    self->cleared = NULL;
}
