/*
 * version_tables: tables of given entries on the disk of a version_fixture. Header only.
 */
#ifndef PYKV_TESTS_LSM_VERSION_TABLES_H
#define PYKV_TESTS_LSM_VERSION_TABLES_H

#include "lsm/version_fixture.h"
#include "table/table_builder.h"

VERSION_UNUSED static table_open_options version_open_options(const version_fixture *self)
{
    table_open_options options = {.codecs = &self->codecs,
                                  .hash_seed_low = VERSION_SEED_LOW,
                                  .hash_seed_high = VERSION_SEED_HIGH};
    return options;
}

VERSION_UNUSED static table_builder_options version_build_options(void)
{
    table_builder_options options = {.hash_seed_low = VERSION_SEED_LOW,
                                     .hash_seed_high = VERSION_SEED_HIGH,
                                     .filter_bits_per_key = 10,
                                     .block_bytes = 256};
    return options;
}

/* Writes the file of table number of count sorted entries, and tells its facts. */
VERSION_UNUSED static manifest_table version_write_table(version_fixture *self, uint32_t number,
                                                         const table_builder_options *options,
                                                         const table_entry *entries, size_t count)
{
    char name[TABLE_FILE_NAME_BYTES];
    table_builder *builder;
    table_summary summary;
    table_file_name(number, name);
    CHECK_OK(table_builder_open(self->disk, self->home, name, options, &builder));
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(table_builder_add(builder, &entries[i]));
    }
    CHECK_OK(table_builder_finish(builder, &summary));
    table_builder_free(builder);
    manifest_table facts = {.number = number,
                            .file_id = summary.file_id,
                            .file_bytes = summary.file_bytes,
                            .file_crc = summary.file_crc,
                            .entry_count = summary.entry_count,
                            .tombstone_count = summary.tombstone_count,
                            .sequence_min = summary.sequence_min,
                            .sequence_max = summary.sequence_max,
                            .deadline_min_us = summary.deadline_min_us,
                            .deadline_max_us = summary.deadline_max_us,
                            .raw_bytes = summary.raw_bytes};
    return facts;
}

/* A table of count sorted entries, with one reference. */
VERSION_UNUSED static table_file *version_table(version_fixture *self,
                                                const table_builder_options *options,
                                                const table_entry *entries, size_t count)
{
    table_file *file;
    table_open_options opening = version_open_options(self);
    manifest_table facts = version_write_table(self, self->next_number++, options, entries, count);
    CHECK_OK(table_file_open(&self->graves, &facts, &opening, &file));
    return file;
}

/* A table with one put for each of the space-separated keys, at rising sequences from first on. */
VERSION_UNUSED static table_file *version_table_of(version_fixture *self, const char *keys,
                                                   uint64_t first)
{
    table_builder_options options = version_build_options();
    table_entry entries[16];
    size_t count = 0;
    for (const char *at = keys; *at != '\0' && count < 16; count++) {
        size_t size = strcspn(at, " ");
        entries[count] = (table_entry){.key = slice_make(at, size),
                                       .value = slice_make(at, size),
                                       .sequence = first + count,
                                       .kind = TABLE_PUT};
        at += size + (at[size] == ' ');
    }
    return version_table(self, &options, entries, count);
}

/* True if a file of the home directory has this name. */
VERSION_UNUSED static bool version_has_file(version_fixture *self, uint32_t number)
{
    char path[64];
    uint8_t *data;
    uint64_t size;
    snprintf(path, sizeof path, VERSION_HOME "/%08x.tbl", number);
    return env_memory_file_bytes(self->disk, path, &data, &size) == PYKV_OK;
}

#endif
