/*
 * job_fixture: a simulated disk, file numbers and a job for the tests of flushes and compactions.
 * Single-threaded.
 */
#ifndef PYKV_TESTS_LSM_JOB_FIXTURE_H
#define PYKV_TESTS_LSM_JOB_FIXTURE_H

#include "harness/check.h"

#include "base/memory.h"
#include "base/process.h"
#include "env/env_memory.h"
#include "lsm/table_file.h"
#include "lsm/table_output.h"
#include "table/table_iterator.h"
#include "table/table_verify.h"

enum { JOB_SEED_LOW = 5, JOB_SEED_HIGH = 6, JOB_BLOCK_BYTES = 128, JOB_DISK_BYTES = 1 << 21 };

typedef struct job_fixture {
    env *disk;
    env_directory *home;
    codec_table codecs;
    uint32_t next_number;
    table_job job;
    int64_t blocks_before;
} job_fixture;

static inline pykv_status job_take_number(void *context, uint32_t *number_out)
{
    uint32_t *next = context;
    *number_out = (*next)++;
    return PYKV_OK;
}

/* The job sees everything up to sequence 1000, at the time 1000. */
static inline void job_init(job_fixture *self)
{
    *self = (job_fixture){.codecs = codec_table_make(), .next_number = 1};
    CHECK_OK(process_init());
    self->blocks_before = mem_block_count();
    CHECK_OK(env_memory_new(check_seed(), JOB_DISK_BYTES, &self->disk));
    CHECK_OK(env_directory_open(self->disk, "/d", true, &self->home));
    self->job = (table_job){.surroundings = self->disk,
                            .home = self->home,
                            .numbers = {job_take_number, &self->next_number},
                            .building = {.hash_seed_low = JOB_SEED_LOW,
                                         .hash_seed_high = JOB_SEED_HIGH,
                                         .filter_bits_per_key = 10,
                                         .block_bytes = JOB_BLOCK_BYTES},
                            .visible_sequence = 1000,
                            .now_us = 1000};
}

/* Checks that all memory was given back. */
static inline void job_reset(job_fixture *self)
{
    env_directory_close(self->home);
    env_memory_free(self->disk);
    CHECK_EQUAL(self->blocks_before, mem_block_count());
}

static inline table_open_options job_open_options(const job_fixture *self)
{
    table_open_options options = {
        .codecs = &self->codecs, .hash_seed_low = JOB_SEED_LOW, .hash_seed_high = JOB_SEED_HIGH};
    return options;
}

static inline size_t job_file_count(const job_fixture *self)
{
    env_names names;
    CHECK_OK(env_directory_list(self->home, &names));
    size_t count = names.count;
    env_names_free(&names);
    return count;
}

/* An entry that a text stands for: "key@sequence" is a put of the text itself, "key@sequence-" a
 * tombstone, "key@sequence!deadline" a put with a deadline. The key has one letter or more. */
static inline iterator_entry job_entry(const char *text)
{
    const char *at = strchr(text, '@');
    char *end;
    CHECK(at != NULL);
    iterator_entry entry = {.key = slice_make(text, (size_t)(at - text)),
                            .value = slice_make(text, strlen(text)),
                            .sequence = strtoull(at + 1, &end, 10),
                            .kind = TABLE_PUT};
    if (*end == '-') {
        entry.kind = TABLE_DELETE;
        entry.value.size = 0;
    } else if (*end == '!') {
        entry.deadline_us = strtoull(end + 1, NULL, 10);
    }
    return entry;
}

/* Appends "key@sequence", with "-" for a tombstone, and a space. */
static inline void job_append_text(char *out, size_t out_bytes, const iterator_entry *entry)
{
    size_t used = strlen(out);
    snprintf(out + used, out_bytes - used, "%.*s@%" PRIu64 "%s ", (int)entry->key.size,
             (const char *)entry->key.data, entry->sequence,
             entry->kind == TABLE_DELETE ? "-" : "");
}

/* What a table holds, as one text, each entry followed by a space; the whole file is verified, and
 * its facts compared with what they should be. */
static inline void job_read_table(const job_fixture *self, const manifest_table *facts, char *out,
                                  size_t out_bytes)
{
    char name[TABLE_FILE_NAME_BYTES];
    table *opened;
    iterator *walk;
    uint32_t crc;
    uint64_t count = 0;
    table_open_options options = job_open_options(self);
    options.file_id = facts->file_id;
    options.file_bytes = facts->file_bytes;
    table_file_name(facts->number, name);
    CHECK_OK(table_open(self->home, name, &options, &opened));
    CHECK_OK(table_verify(opened, &crc));
    CHECK_EQUAL(facts->file_crc, crc);
    CHECK_EQUAL(facts->entry_count, opened->properties.entry_count);
    CHECK_EQUAL(facts->tombstone_count, opened->properties.tombstone_count);
    CHECK_EQUAL(facts->sequence_min, opened->properties.sequence_min);
    CHECK_EQUAL(facts->sequence_max, opened->properties.sequence_max);
    CHECK_EQUAL(facts->deadline_min_us, opened->properties.deadline_min_us);
    CHECK_EQUAL(facts->deadline_max_us, opened->properties.deadline_max_us);
    CHECK_EQUAL(facts->raw_bytes, opened->properties.raw_bytes);
    CHECK_OK(table_iterator_new(opened, block_source_direct(), &walk));
    for (iterator_seek_first(walk); iterator_valid(walk); iterator_next(walk)) {
        job_append_text(out, out_bytes, iterator_current(walk));
        count++;
    }
    CHECK_OK(walk->status);
    CHECK_EQUAL(facts->entry_count, count);
    iterator_free(walk);
    table_close(opened);
}

#endif
