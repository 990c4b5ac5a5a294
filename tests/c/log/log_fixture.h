/*
 * log_fixture: one segment file in a real temporary directory with a sink and a writer over it.
 */
#ifndef PYKV_TESTS_LOG_FIXTURE_H
#define PYKV_TESTS_LOG_FIXTURE_H

#include "base/memory.h"
#include "base/process.h"
#include "env/env.h"
#include "log/log_image.h"
#include "log/log_writer.h"

typedef enum fixture_kind { FIXTURE_PWRITE = 0, FIXTURE_MAPPED = 1 } fixture_kind;

typedef struct log_fixture {
    env_directory *directory;
    env_file *file;
    log_sink *sink;
    log_writer writer;
    log_segment_header header;
    uint64_t capacity;
    uint64_t sequence; /* of the next record */
    fixture_kind kind;
} log_fixture;

static inline void fixture_open_sink(log_fixture *self, uint64_t tail)
{
    if (self->kind == FIXTURE_PWRITE) {
        CHECK_OK(log_sink_open_pwrite(self->file, tail, &self->sink));
    }
    log_writer_init(&self->writer, self->sink, self->header.file_id, self->capacity, 0);
}

/* A new file with its header, number 1, records from sequence 1. */
static inline void fixture_open(log_fixture *self, fixture_kind kind, uint64_t capacity)
{
    memset(self, 0, sizeof *self);
    char *path = check_temporary_directory();
    CHECK_OK(process_init());
    CHECK_OK(env_directory_open(env_posix(), path, true, &self->directory));
    free(path);
    CHECK_OK(env_file_open(self->directory, "log", ENV_READ | ENV_WRITE | ENV_CREATE, &self->file));
    self->kind = kind;
    self->capacity = capacity;
    self->sequence = 1;
    self->header = (log_segment_header){
        .kind = LOG_SEGMENT_APPEND, .number = 1, .file_id = 0xABCDEF, .birth_sequence = 1};
    uint8_t header[LOG_SEGMENT_HEADER_BYTES];
    log_segment_encode(&self->header, header);
    slice part = slice_make(header, sizeof header);
    CHECK_OK(env_file_write(self->file, 0, &part, 1));
    fixture_open_sink(self, LOG_SEGMENT_HEADER_BYTES);
}

static inline void fixture_close(log_fixture *self)
{
    log_sink_close(self->sink);
    env_file_close(self->file);
    env_directory_close(self->directory);
}

static inline uint64_t fixture_file_size(const log_fixture *self)
{
    uint64_t size = 0;
    CHECK_OK(env_file_size(self->file, &size));
    return size;
}

/* The whole file; free with free. */
static inline uint8_t *fixture_read(const log_fixture *self, uint64_t *size_out)
{
    uint64_t size = fixture_file_size(self);
    uint8_t *data = malloc(size + 1);
    size_t got = 0;
    CHECK(data != NULL);
    CHECK_OK(env_file_read(self->file, 0, data, size, &got));
    CHECK_EQUAL(size, got);
    *size_out = size;
    return data;
}

#endif
