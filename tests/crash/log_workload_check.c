/*
 * log_workload_check: the reading half: finds the log on a disk, compares it with what was
 * promised, and copies it as an owner does at open. Single-threaded.
 */
#include "crash/log_workload.h"
#include "crash/log_workload_parts.h"
#include "harness/check.h"

#include "base/memory.h"

static const char recovered_name[] = "recovered.log";
static const char temporary_name[] = "recovered.tmp";

/* The log as it is on a disk. */
typedef struct loaded_log {
    log_recovery_segment segments[LOG_WORKLOAD_FILE_COUNT_MAX];
    size_t count;
    env_names names;
    log_recovery found;
} loaded_log;

static void unload(loaded_log *self)
{
    for (size_t i = 0; i < self->count; i++) {
        mem_free((void *)(uintptr_t)self->segments[i].data);
    }
    env_names_free(&self->names);
}

/* Reads one file as the next segment; one whose header is torn is passed over. */
static pykv_status load_file(loaded_log *self, env_directory *directory, const char *name)
{
    env_file *file = NULL;
    uint64_t size = 0;
    uint8_t *data = NULL;
    pykv_status status = env_file_open(directory, name, ENV_READ, &file);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_file_size(file, &size);
    if (status == PYKV_OK) {
        data = mem_alloc((size_t)size);
        status = data == NULL ? error_set_no_memory(size) : PYKV_OK;
    }
    if (status == PYKV_OK) {
        size_t got = 0;
        status = env_file_read(file, 0, data, (size_t)size, &got);
        size = got;
    }
    env_file_close(file);
    log_recovery_segment *segment = &self->segments[self->count];
    if (status == PYKV_OK && self->count < LOG_WORKLOAD_FILE_COUNT_MAX &&
        log_segment_decode(data, size, name, &segment->header) == PYKV_OK) {
        segment->path = name;
        segment->data = data;
        segment->size = size;
        segment->start_offset = LOG_SEGMENT_HEADER_BYTES;
        self->count++;
        return PYKV_OK;
    }
    mem_free(data);
    return status;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static pykv_status load_files(loaded_log *self, env_directory *directory)
{
    pykv_status status = env_directory_list(directory, &self->names);
    if (status != PYKV_OK) {
        return status;
    }
    bool is_recovered = false;
    for (size_t i = 0; i < self->names.count; i++) {
        is_recovered = is_recovered || strcmp(self->names.names[i], recovered_name) == 0;
    }
    if (is_recovered) {
        return load_file(self, directory, recovered_name);
    }
    if (self->names.count > 0) {
        qsort(self->names.names, self->names.count, sizeof self->names.names[0], compare_names);
    }
    for (size_t i = 0; i < self->names.count && status == PYKV_OK; i++) {
        if (strcmp(self->names.names[i], temporary_name) != 0) {
            status = load_file(self, directory, self->names.names[i]);
        }
    }
    return status;
}

/* Reads the log of a disk; an empty one if the directory is missing. On failure nothing is held. */
static pykv_status load(loaded_log *self, env *disk)
{
    memset(self, 0, sizeof *self);
    env_directory *directory = NULL;
    pykv_status status = env_directory_open(disk, "/log", false, &directory);
    if (status == PYKV_OK) {
        status = load_files(self, directory);
        env_directory_close(directory);
    } else if (status == PYKV_PATH_NOT_FOUND) {
        status = PYKV_OK;
    }
    if (status != PYKV_OK) {
        unload(self);
        return status;
    }
    log_recover(self->segments, self->count, 1, 0, NULL, &self->found);
    return PYKV_OK;
}

/* Begins the walk of one segment within the log that was found; false: it is not part of it. */
static bool walk_segment(const loaded_log *self, size_t index, uint64_t next_sequence,
                         log_reader *reader)
{
    if (self->count == 0 || index > self->found.valid_segment) {
        return false;
    }
    const log_recovery_segment *segment = &self->segments[index];
    log_reader_init(reader, segment->data, segment->valid_end, segment->header.file_id,
                    segment->start_offset, true, next_sequence);
    return true;
}

static const char *compare(const loaded_log *log, const log_workload *plan,
                           const log_history *history, bool keeps_all)
{
    log_comparison state = log_comparison_from(plan, history, keeps_all, 1);
    uint64_t count = 0;
    log_reader reader;
    for (size_t i = 0; walk_segment(log, i, count + 1, &reader); i++) {
        record found;
        uint64_t offset = 0;
        while (log_reader_next(&reader, &found, &offset)) {
            const char *wrong = log_comparison_next(&state, &found);
            if (wrong != NULL) {
                return wrong;
            }
            count++;
        }
    }
    if (count != log->found.record_count || count != log->found.last_sequence) {
        return "a walk of the log does not give what recovery found";
    }
    return log_comparison_end(&state);
}

const char *log_store_check(env *disk, const log_workload *plan, const log_history *history,
                            bool keeps_all, uint64_t *last_out, pykv_status *status_out)
{
    loaded_log log;
    pykv_status status = load(&log, disk);
    *status_out = status;
    if (status != PYKV_OK) {
        return "the log cannot be read";
    }
    const char *wrong = compare(&log, plan, history, keeps_all);
    uint64_t last = log.found.last_sequence;
    if (wrong == NULL && log.found.damaged) {
        wrong = "a pure crash was taken for damage";
    } else if (wrong == NULL && last < history->synced_sequence) {
        wrong = "a synced record is missing";
    } else if (wrong == NULL && keeps_all && last < history->last_sequence) {
        wrong = "an acknowledged record is missing though nothing was lost";
    }
    unload(&log);
    *last_out = last;
    return wrong;
}

/* Appends the records of the loaded log to a fresh segment. */
static pykv_status copy_records(const loaded_log *log, log_writer *writer)
{
    pykv_status status = PYKV_OK;
    uint64_t next_sequence = 1;
    log_reader reader;
    for (size_t i = 0; walk_segment(log, i, next_sequence, &reader); i++) {
        record found;
        uint64_t offset = 0;
        while (log_reader_next(&reader, &found, &offset)) {
            next_sequence = found.sequence + 1;
            found.flags = 0;
            status = log_writer_append(writer, &found, &offset);
            if (status == PYKV_WOULD_BLOCK) {
                status = log_sink_prepare(writer->sink, log_writer_bytes(writer, &found));
                if (status == PYKV_OK) {
                    status = log_writer_append(writer, &found, &offset);
                }
            }
            if (status != PYKV_OK) {
                return status;
            }
        }
    }
    return status;
}

/* Writes the log into a new file, which is durable under its name when this returns PYKV_OK. */
static pykv_status replace_files(env_directory *directory, const loaded_log *log,
                                 const log_workload *plan)
{
    log_segment_header header = {.kind = LOG_SEGMENT_APPEND,
                                 .number = 1 + (uint32_t)log->names.count + (1U << 16),
                                 .file_id = plan->seed ^ 0x5555,
                                 .birth_sequence = 1,
                                 .store_id = plan->seed};
    env_file *file = NULL;
    log_sink *sink = NULL;
    pykv_status status =
        log_workload_segment_new(directory, temporary_name, &header, plan, &file, &sink);
    if (status != PYKV_OK) {
        return status;
    }
    log_writer writer;
    log_writer_init(&writer, sink, header.file_id, plan->capacity, 0);
    status = copy_records(log, &writer);
    status = status == PYKV_OK ? log_sink_seal(sink) : status;
    status = status == PYKV_OK ? env_file_sync(file) : status;
    log_sink_close(sink);
    env_file_close(file);
    status = status == PYKV_OK ? env_rename(directory, temporary_name, recovered_name) : status;
    return status == PYKV_OK ? env_directory_sync(directory) : status;
}

static pykv_status remove_old_files(env_directory *directory, const loaded_log *log)
{
    for (size_t i = 0; i < log->names.count; i++) {
        const char *name = log->names.names[i];
        if (strcmp(name, recovered_name) != 0 && strcmp(name, temporary_name) != 0) {
            pykv_status status = env_unlink(directory, name);
            if (status != PYKV_OK) {
                return status;
            }
        }
    }
    return env_directory_sync(directory);
}

pykv_status log_store_recover(env *disk, const log_workload *plan)
{
    loaded_log log;
    env_directory *directory = NULL;
    pykv_status status = load(&log, disk);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_directory_open(disk, "/log", true, &directory);
    if (status == PYKV_OK) {
        status = replace_files(directory, &log, plan);
        status = status == PYKV_OK ? remove_old_files(directory, &log) : status;
        env_directory_close(directory);
    }
    unload(&log);
    return status;
}
