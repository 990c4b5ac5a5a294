/*
 * log_file: names, making, opening and viewing of log files. Thread-safe as log_file.h says.
 */
#include "log/log_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/invariant.h"

void log_file_name(uint32_t number, char out[LOG_FILE_NAME_BYTES])
{
    snprintf(out, LOG_FILE_NAME_BYTES, "%08x.log", number);
}

void log_file_torn_name(uint32_t number, char out[LOG_FILE_NAME_BYTES])
{
    snprintf(out, LOG_FILE_NAME_BYTES, "%08x.torn", number);
}

void log_file_values_name(uint32_t number, char out[LOG_FILE_NAME_BYTES])
{
    snprintf(out, LOG_FILE_NAME_BYTES, "%08x.val", number);
}

typedef void (*name_maker)(uint32_t number, char out[LOG_FILE_NAME_BYTES]);

static uint32_t number_of(const char *name, name_maker make_name)
{
    char expected[LOG_FILE_NAME_BYTES];
    unsigned long number = strtoul(name, NULL, 16);
    if (number > UINT32_MAX) {
        return 0;
    }
    make_name((uint32_t)number, expected);
    return strcmp(expected, name) == 0 ? (uint32_t)number : 0;
}

uint32_t log_file_number(const char *name)
{
    return number_of(name, log_file_name);
}

uint32_t log_file_values_number(const char *name)
{
    return number_of(name, log_file_values_name);
}

static void name_by_header(const log_segment_header *header, char out[LOG_FILE_NAME_BYTES])
{
    name_maker make_name =
        header->kind == LOG_SEGMENT_VALUES ? log_file_values_name : log_file_name;
    make_name(header->number, out);
}

static pykv_status write_header(env_directory *directory, env_file *file,
                                const log_segment_header *header)
{
    uint8_t bytes[LOG_SEGMENT_HEADER_BYTES];
    log_segment_encode(header, bytes);
    slice whole = slice_make(bytes, sizeof bytes);
    pykv_status status = env_file_write(file, 0, &whole, 1);
    if (status == PYKV_OK) {
        status = env_file_sync(file);
    }
    if (status == PYKV_OK && !PYKV_PLANTED(22)) {
        status = env_directory_sync(directory);
    }
    return status;
}

pykv_status log_file_create(env_directory *directory, const log_segment_header *header,
                            env_file **file_out)
{
    char name[LOG_FILE_NAME_BYTES];
    env_file *file;
    name_by_header(header, name);
    pykv_status status =
        env_file_open(directory, name, ENV_READ | ENV_WRITE | ENV_CREATE | ENV_TRUNCATE, &file);
    if (status != PYKV_OK) {
        return status;
    }
    status = write_header(directory, file, header);
    if (status != PYKV_OK) {
        pykv_error failure = *error_last();
        env_file_close(file);
        if (env_unlink(directory, name) != PYKV_OK) {
            /* An unlisted file is removed by the next open. */
        }
        error_restore(&failure);
        return status;
    }
    *file_out = file;
    return PYKV_OK;
}

static pykv_status check_identity(env_file *file, const log_segment_header *expected,
                                  uint64_t *size_out)
{
    uint8_t bytes[LOG_SEGMENT_HEADER_BYTES];
    size_t got;
    log_segment_header header;
    const char *path = env_file_path(file);
    pykv_status status = env_file_read(file, 0, bytes, sizeof bytes, &got);
    if (status == PYKV_OK) {
        status = log_segment_decode(bytes, got, path, &header);
    }
    if (status != PYKV_OK) {
        return status;
    }
    if (header.file_id != expected->file_id || header.number != expected->number ||
        header.store_id != expected->store_id || header.kind != expected->kind ||
        header.birth_sequence != expected->birth_sequence) {
        return error_set_corruption(path, 16, "the file is not the one the manifest names",
                                    expected->file_id, header.file_id);
    }
    return env_file_size(file, size_out);
}

pykv_status log_file_open(env_directory *directory, const log_segment_header *expected,
                          bool writable, env_file **file_out, uint64_t *size_out)
{
    char name[LOG_FILE_NAME_BYTES];
    env_file *file = NULL;
    name_by_header(expected, name);
    pykv_status status =
        env_file_open(directory, name, writable ? ENV_READ | ENV_WRITE : ENV_READ, &file);
    if (writable && (status == PYKV_NO_PERMISSION || status == PYKV_READ_ONLY)) {
        status = env_file_open(directory, name, ENV_READ, &file);
    }
    if (status == PYKV_PATH_NOT_FOUND) {
        return error_set(PYKV_CORRUPTION, "%s/%s is missing, and the manifest lists it",
                         env_directory_path(directory), name);
    }
    if (status != PYKV_OK) {
        return status;
    }
    status = check_identity(file, expected, size_out);
    if (status != PYKV_OK) {
        env_file_close(file);
        return status;
    }
    *file_out = file;
    return PYKV_OK;
}

pykv_status log_file_view(env_file *file, const env_mapping *mapping, buffer *scratch,
                          const uint8_t **data_out, uint64_t *size_out)
{
    uint64_t size;
    pykv_status status = env_file_size(file, &size);
    if (status != PYKV_OK) {
        return status;
    }
    if (mapping->base != NULL && size <= mapping->size && env_mapping_faults(mapping) == 0) {
        *data_out = mapping->base;
        *size_out = size;
        return PYKV_OK;
    }
    size_t got = 0;
    buffer_clear(scratch);
    status = buffer_reserve(scratch, size);
    if (status == PYKV_OK && size > 0) {
        status = env_file_read(file, 0, scratch->data, size, &got);
    }
    if (status == PYKV_OK) {
        *data_out = scratch->data;
        *size_out = got;
    }
    return status;
}

pykv_status log_file_check_view(const uint8_t *data, const env_mapping *mapping, const char *path)
{
    bool is_mapped = data != NULL && data == mapping->base;
    return is_mapped && env_mapping_faults(mapping) > 0
               ? error_set_at(PYKV_IO_FAILED, path, "pages of the log could not be read")
               : PYKV_OK;
}
