/*
 * tables_fixture: real tables on a simulated disk, made of texts, and a version of them, for the
 * tests of running flushes and compactions. Single-threaded.
 */
#ifndef PYKV_TESTS_LSM_TABLES_FIXTURE_H
#define PYKV_TESTS_LSM_TABLES_FIXTURE_H

#include "lsm/compaction_plan.h"
#include "lsm/job_fixture.h"

enum { TABLES_MAX = 32, TABLES_TEXT_BYTES = 1 << 16 };

typedef struct tables_fixture {
    job_fixture base;
    table_graveyard graveyard;
    table_file *files[TABLES_MAX]; /* a reference of each */
    uint8_t levels[TABLES_MAX];
    size_t count;
    version *of;
    compaction_options options;
} tables_fixture;

static inline bool tables_may_hold(const void *context, slice key)
{
    (void)context;
    (void)key;
    return true;
}

/* Tables of 1000 bytes. */
static inline void tables_init(tables_fixture *self)
{
    memset(self, 0, sizeof *self);
    job_init(&self->base);
    table_graveyard_init(&self->graveyard, self->base.home, NULL);
    self->options = compaction_options_make(1000);
    self->options.visible_sequence = self->base.job.visible_sequence;
    self->options.now_us = self->base.job.now_us;
}

/* Feeds the entries of a text, divided by spaces. */
static inline void tables_feed(table_output *output, const char *text)
{
    char copy[TABLES_TEXT_BYTES];
    char *rest = NULL;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        iterator_entry entry = job_entry(word);
        CHECK_OK(table_output_add(output, &entry));
    }
}

/* Adds the table of a text, in which nothing is dropped, to a level. */
static inline table_file *tables_add(tables_fixture *self, uint8_t level_index, const char *text)
{
    table_output output;
    size_t count;
    table_job job = self->base.job;
    table_cut_options cut = {.table_bytes = UINT64_MAX, .overlap_bytes_max = UINT64_MAX};
    older_tables older = {tables_may_hold, NULL};
    table_open_options opening = job_open_options(&self->base);
    job.visible_sequence = 0;
    job.now_us = 0;
    CHECK(self->count < TABLES_MAX);
    table_output_init(&output, &job, older, level_index, &cut);
    tables_feed(&output, text);
    CHECK_OK(table_output_finish(&output));
    const manifest_table *made = table_output_made(&output, &count);
    CHECK_EQUAL(1, count);
    CHECK_OK(table_file_open(&self->graveyard, made, &opening, &self->files[self->count]));
    table_output_take(&output);
    table_output_reset(&output);
    self->levels[self->count] = level_index;
    return self->files[self->count++];
}

/* The version of all tables added; made once, after the last one. */
static inline version *tables_version(tables_fixture *self)
{
    if (self->of == NULL) {
        CHECK_OK(version_from_tables(self->files, self->levels, self->count, &self->of));
    }
    return self->of;
}

/* Checks that nobody holds a table any more, and that all memory was given back. */
static inline void tables_reset(tables_fixture *self)
{
    version_release(self->of);
    for (size_t i = 0; i < self->count; i++) {
        CHECK_EQUAL(1, self->files[i]->shared.references);
        table_file_release(self->files[i]);
    }
    CHECK_EQUAL(self->count, table_graveyard_empty(&self->graveyard));
    job_reset(&self->base);
}

/* Checks what tables hold, each followed by "| ". */
static inline void tables_check(const char *file, int line, const tables_fixture *self,
                                const manifest_table *made, size_t count, const char *wanted)
{
    static char found[TABLES_TEXT_BYTES];
    found[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        job_read_table(&self->base, &made[i], found, sizeof found);
        snprintf(found + strlen(found), sizeof found - strlen(found), "| ");
    }
    if (strcmp(wanted, found) != 0) {
        check_failed(file, line, "the outputs are \"%s\", not \"%s\"", found, wanted);
    }
}

#endif
