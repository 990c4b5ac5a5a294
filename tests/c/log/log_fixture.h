/*
 * log_fixture: one segment file with a sink and a writer over it, in a real temporary directory or
 * on a simulated disk.
 */
#ifndef PYKV_TESTS_LOG_FIXTURE_H
#define PYKV_TESTS_LOG_FIXTURE_H

#include "base/memory.h"
#include "base/process.h"
#include "env/env_memory.h"
#include "log/log_image.h"
#include "log/log_writer.h"

enum { FIXTURE_FILE_BYTES_MAX = 64 << 20 };

typedef struct log_fixture {
    env *disk; /* NULL: the real one */
    env_directory *directory;
    env_file *file;
    log_sink *sink;
    log_writer writer;
    log_segment_header header;
    uint64_t capacity;
    uint64_t sequence; /* of the next record */
    bool mapped;
} log_fixture;

static inline void fixture_open_sink(log_fixture *self, uint64_t tail)
{
    if (self->mapped) {
        CHECK_OK(log_sink_open_mapped(self->file, tail, self->capacity, &self->sink));
    } else {
        CHECK_OK(log_sink_open_pwrite(self->file, tail, 0, &self->sink));
    }
    log_writer_init(&self->writer, self->sink, self->header.file_id, self->capacity, 0);
}

static inline void fixture_close(log_fixture *self)
{
    log_sink_close(self->sink);
    env_file_close(self->file);
    env_directory_close(self->directory);
    if (self->disk != NULL) {
        env_memory_free(self->disk);
    }
}

static inline void fixture_open_directory(log_fixture *self, bool real)
{
    CHECK_OK(process_init());
    if (real) {
        char *path = check_temporary_directory();
        CHECK_OK(env_directory_open(env_posix(), path, true, &self->directory));
        free(path);
    } else {
        CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_BYTES_MAX, &self->disk));
        CHECK_OK(env_directory_open(self->disk, "/log", true, &self->directory));
    }
}

/* A new file with its header, number 1, records from sequence 1. */
static inline void fixture_open(log_fixture *self, bool real, bool mapped, uint64_t capacity)
{
    uint8_t header[LOG_SEGMENT_HEADER_BYTES];
    memset(self, 0, sizeof *self);
    fixture_open_directory(self, real);
    CHECK_OK(env_file_open(self->directory, "log", ENV_READ | ENV_WRITE | ENV_CREATE, &self->file));
    self->mapped = mapped;
    self->capacity = capacity;
    self->sequence = 1;
    self->header = (log_segment_header){
        .kind = LOG_SEGMENT_APPEND, .number = 1, .file_id = 0xABCDEF, .birth_sequence = 1};
    log_segment_encode(&self->header, header);
    slice part = slice_make(header, sizeof header);
    CHECK_OK(env_file_write(self->file, 0, &part, 1));
    fixture_open_sink(self, LOG_SEGMENT_HEADER_BYTES);
}

/* Runs a case over both sinks, on a simulated disk and, where its file system has what a mapped log
 * needs, on the real one. */
static inline void fixture_for_all(void (*run)(log_fixture *log), uint64_t capacity)
{
    for (unsigned i = 0; i < 4; i++) {
        log_fixture log;
        bool real = (i & 1) != 0;
        bool mapped = (i & 2) != 0;
        memset(&log, 0, sizeof log);
        fixture_open_directory(&log, real);
        bool can = !mapped || env_directory_capabilities(log.directory).mapped_log;
        env_directory_close(log.directory);
        env_memory_free(log.disk);
        if (!can) {
            printf("left out: this file system cannot hold a mapped log\n");
            continue;
        }
        int64_t blocks = mem_block_count();
        fixture_open(&log, real, mapped, capacity);
        run(&log);
        fixture_close(&log);
        CHECK_EQUAL(blocks, mem_block_count());
    }
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
