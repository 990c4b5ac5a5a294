/*
 * wal_recover: the end of the log, what it holds, and where its files go. Everything in the files
 * may be damaged. Not thread-safe.
 */
#include "lsm/wal_recover.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/log_file.h"
#include "lsm/version_edit.h"

/* A log file under recovery. */
typedef struct log_source {
    uint32_t number;
    env_file *file;
    env_mapping mapping; /* base NULL: none */
    buffer scratch;
    bool torn;      /* holds more than the log */
    bool torn_kept; /* under its second name */
} log_source;

struct wal_recovery {
    env_directory *home;
    wal_recovery_input input;
    log_source *sources;
    log_recovery_segment *views; /* one a source */
    size_t count;
    uint64_t start_sequence; /* of the first record that is there */
    uint64_t claim;          /* position up to which the log is known durable */
    size_t used_count;       /* logs that hold records of the log */
    size_t kept_count;       /* of these, that stay where they are */
    wal_recovered result;
};

void wal_recovery_free(wal_recovery *self)
{
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; self->sources != NULL && i < self->count; i++) {
        log_source *source = &self->sources[i];
        if (source->mapping.base != NULL) {
            env_unmap(&source->mapping);
        }
        if (source->file != NULL) {
            env_file_close(source->file);
        }
        buffer_reset(&source->scratch);
    }
    mem_free(self->sources);
    mem_free(self->views);
    mem_free(self);
}

static pykv_status recovery_new(env_directory *home, const wal_recovery_input *input,
                                wal_recovery **recovery_out)
{
    wal_recovery *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->home = home;
    self->input = *input;
    self->sources = mem_alloc_zeroed(input->log_count + 1, sizeof *self->sources);
    self->views = mem_alloc_zeroed(input->log_count + 1, sizeof *self->views);
    if (self->sources == NULL || self->views == NULL) {
        wal_recovery_free(self);
        return error_set_no_memory(input->log_count *
                                   (sizeof *self->sources + sizeof *self->views));
    }
    *recovery_out = self;
    return PYKV_OK;
}

static pykv_status open_source(const wal_recovery *self, const manifest_log *listed,
                               log_source *source, log_recovery_segment *view)
{
    uint64_t size;
    log_segment_header header = {.kind = LOG_SEGMENT_APPEND,
                                 .number = listed->number,
                                 .file_id = listed->file_id,
                                 .birth_sequence = listed->birth_sequence,
                                 .store_id = self->input.store_id};
    source->number = listed->number;
    pykv_status status = log_file_open(self->home, &header, false, &source->file, &size);
    if (status != PYKV_OK) {
        return status;
    }
    env_mapping mapping;
    if (self->input.mapped && env_file_map(source->file, size, false, &mapping) == PYKV_OK) {
        source->mapping = mapping;
    }
    view->path = env_file_path(source->file);
    view->start_offset = LOG_SEGMENT_HEADER_BYTES;
    status =
        log_file_view(source->file, &source->mapping, &source->scratch, &view->data, &view->size);
    if (status == PYKV_OK) {
        status = log_segment_decode(view->data, view->size, view->path, &view->header);
    }
    return status;
}

static pykv_status open_sources(wal_recovery *self)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < self->input.log_count && status == PYKV_OK; i++) {
        log_source *source = &self->sources[self->count];
        status = open_source(self, &self->input.logs[i], source, &self->views[self->count]);
        self->count++;
        if (PYKV_PLANTED(276) && source->file == NULL) {
            self->count--;
            status = PYKV_OK;
        }
    }
    return status;
}

static pykv_status check_mappings(const wal_recovery *self)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        const log_recovery_segment *view = &self->views[i];
        status = log_file_check_view(view->data, &self->sources[i].mapping, view->path);
    }
    return status;
}

/* Sequence of the first record of the log, or what is due if there is none or a later one: logs may
 * begin with records that are in tables. */
static uint64_t find_start(const wal_recovery *self)
{
    uint64_t due = self->input.first_sequence;
    for (size_t i = 0; i < self->count; i++) {
        uint64_t first = log_recovery_first(&self->views[i], self->views[i].size);
        if (first != 0) {
            return first < due ? first : due;
        }
    }
    return due;
}

static bool holds_more(const log_recovery_segment *view)
{
    uint64_t at = view->valid_end;
    while (at < view->size && view->data[at] == 0) {
        at++;
    }
    return at < view->size;
}

static pykv_status refuse_damage(const wal_recovery *self, const log_recovery *found)
{
    const log_recovery_segment *end = &self->views[found->valid_segment];
    return error_set_corruption(
        end->path, found->valid_offset,
        "the log is damaged before a place that was synced (recovery=\"point_in_time\" opens "
        "it up to here)",
        found->claim, log_position(end->header.number, found->valid_offset));
}

/* Whether what was found is all that was ever there, and claimed to be durable. */
static bool is_durable(const wal_recovery *self, const log_recovery *found)
{
    const log_recovery_segment *end = &self->views[found->valid_segment];
    bool claimed = found->record_count == 0 ||
                   found->claim >= log_position(end->header.number, found->valid_offset);
    return (claimed || PYKV_PLANTED(116)) && found->discarded_bytes == 0 && !found->damaged;
}

static pykv_status find_end(wal_recovery *self)
{
    uint64_t first = self->input.first_sequence;
    log_recovery found;
    self->start_sequence = find_start(self);
    log_recover(self->views, self->count, self->start_sequence, self->input.durable_through,
                &self->input.lender, &found);
    pykv_status status = check_mappings(self);
    if (status == PYKV_OK && found.damaged && !self->input.point_in_time) {
        status = refuse_damage(self, &found);
    }
    if (status != PYKV_OK) {
        return status;
    }
    for (size_t i = 0; i < self->count; i++) {
        self->sources[i].torn = holds_more(&self->views[i]) && !PYKV_PLANTED(99);
    }
    bool reaches = found.last_sequence >= first;
    self->used_count = found.record_count > 0 ? found.valid_segment + 1 : 0;
    uint64_t last = reaches ? found.last_sequence : first - 1;
    uint64_t bound = found.sequence_bound;
    self->claim = found.claim;
    self->result = (wal_recovered){.last_sequence = last,
                                   .synced_sequence = first - 1,
                                   .sequence_bound = bound > last ? bound : last,
                                   .record_count = reaches ? found.last_sequence - first + 1 : 0,
                                   .discarded_bytes = found.discarded_bytes,
                                   .damaged = found.damaged,
                                   .durable = is_durable(self, &found),
                                   .reaches_tables = found.last_sequence + 1 >= first};
    return PYKV_OK;
}

pykv_status wal_recovery_open(env_directory *home, const wal_recovery_input *input,
                              wal_recovery **recovery_out)
{
    wal_recovery *self = NULL;
    pykv_status status = recovery_new(home, input, &self);
    if (status != PYKV_OK || self == NULL) {
        return status;
    }
    status = open_sources(self);
    if (status == PYKV_OK && self->count > 0) {
        status = find_end(self);
    } else {
        self->result.last_sequence = input->first_sequence - 1;
        self->result.synced_sequence = input->first_sequence - 1;
        self->result.sequence_bound = input->first_sequence - 1;
        self->result.reaches_tables = true;
    }
    if (status != PYKV_OK) {
        pykv_error failure = *error_last();
        wal_recovery_free(self);
        error_restore(&failure);
        return status;
    }
    *recovery_out = self;
    return PYKV_OK;
}

const wal_recovered *wal_recovery_result(const wal_recovery *self)
{
    return &self->result;
}

uint64_t wal_recovery_end(const wal_recovery *self, size_t index)
{
    PYKV_ASSERT(index < self->count);
    return self->views[index].valid_end;
}

uint64_t wal_recovery_first(const wal_recovery *self, size_t index)
{
    PYKV_ASSERT(index < self->count);
    return log_recovery_first(&self->views[index], self->views[index].valid_end);
}

/* On a full disk what it takes is what the manifest needs. */
static void remove_copy(const wal_recovery *self)
{
    pykv_error failure = *error_last();
    if (env_unlink(self->home, WAL_COPY_NAME) != PYKV_OK) {
        /* The next open removes it. */
    }
    error_restore(&failure);
}

/* Puts a durable copy of the first size bytes of a log in place of name. */
static pykv_status copy_log(const wal_recovery *self, size_t index, uint64_t size, const char *name)
{
    env_file *file;
    slice whole = slice_make(self->views[index].data, (size_t)size);
    int flags = ENV_READ | ENV_WRITE | ENV_CREATE | ENV_TRUNCATE;
    pykv_status status = env_file_open(self->home, WAL_COPY_NAME, flags, &file);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_file_write(file, 0, &whole, 1);
    if (status == PYKV_OK) {
        status = env_file_sync(file);
    }
    env_file_close(file);
    if (status == PYKV_OK) {
        status = env_rename(self->home, WAL_COPY_NAME, name);
    }
    if (status != PYKV_OK) {
        remove_copy(self);
    }
    return status;
}

/* Where the last byte stands that is not one of the zeros reserved ahead. */
static uint64_t written_end(const log_recovery_segment *view)
{
    uint64_t end = view->size;
    while (end > view->valid_end && view->data[end - 1] == 0) {
        end--;
    }
    return end;
}

/* True if a log may become history. */
static bool has_records(const wal_recovery *self, size_t index)
{
    return index < self->used_count && self->views[index].valid_end > LOG_SEGMENT_HEADER_BYTES;
}

/* Copies what was torn off and has no second name, durably, before the logs are written anew. */
static pykv_status copy_torn(wal_recovery *self)
{
    char name[LOG_FILE_NAME_BYTES];
    pykv_status status = PYKV_OK;
    bool copied = false;
    for (size_t i = 0; i < self->used_count && status == PYKV_OK; i++) {
        log_source *source = &self->sources[i];
        if (has_records(self, i) && source->torn && !source->torn_kept) {
            log_file_torn_name(source->number, name);
            status = copy_log(self, i, written_end(&self->views[i]), name);
            status = status == PYKV_OK ? check_mappings(self) : status;
            source->torn_kept = status == PYKV_OK;
            copied = true;
        }
    }
    return status == PYKV_OK && copied ? env_directory_sync(self->home) : status;
}

static pykv_status write_anew(const wal_recovery *self)
{
    char name[LOG_FILE_NAME_BYTES];
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < self->used_count && status == PYKV_OK; i++) {
        if (has_records(self, i)) {
            log_file_name(self->sources[i].number, name);
            status = copy_log(self, i, self->views[i].valid_end, name);
        }
    }
    return status;
}

pykv_status wal_recovery_keep(wal_recovery *self, size_t *count_out)
{
    pykv_status status = copy_torn(self);
    if (status == PYKV_OK) {
        status = write_anew(self);
    }
    if (status == PYKV_OK) {
        status = check_mappings(self);
    }
    if (status == PYKV_OK) {
        status = env_directory_sync(self->home);
    }
    if (status == PYKV_OK) {
        self->kept_count = self->used_count;
        *count_out = self->used_count;
    }
    return status;
}

/* Gives the records of one log from sequence *due_io on. */
static pykv_status replay_log(wal_recovery *self, const log_recovery_segment *view,
                              uint64_t *due_io, wal_replay replay, void *context)
{
    log_reader reader;
    record found;
    uint64_t offset;
    pykv_status status = PYKV_OK;
    log_reader_init(&reader, view->data, view->valid_end, view->header.file_id, view->start_offset,
                    true, 0);
    while (status == PYKV_OK && log_reader_next(&reader, &found, &offset)) {
        if (found.sequence == *due_io) {
            status = replay(context, &found);
            ++*due_io;
            if (log_recovery_is_claimed(self->claim, view, &reader) || PYKV_PLANTED(302)) {
                self->result.synced_sequence = found.sequence;
            }
        }
    }
    return status;
}

pykv_status wal_recovery_replay(wal_recovery *self, wal_replay replay, void *context)
{
    uint64_t due = self->input.first_sequence;
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < self->used_count && status == PYKV_OK; i++) {
        status = replay_log(self, &self->views[i], &due, replay, context);
    }
    if (status == PYKV_OK) {
        status = check_mappings(self);
    }
    if (status == PYKV_OK && due != self->result.last_sequence + 1) {
        status = error_set_corruption(env_directory_path(self->home), 0,
                                      "the log changed while it was read",
                                      self->result.last_sequence + 1, due);
    }
    return status;
}

/* Gives a file its second name. Where the file system has no second names the file is renamed when
 * no manifest lists it any more, or copied before it is written anew. */
static pykv_status keep_one(const wal_recovery *self, log_source *source)
{
    char name[LOG_FILE_NAME_BYTES];
    char kept[LOG_FILE_NAME_BYTES];
    log_file_name(source->number, name);
    log_file_torn_name(source->number, kept);
    pykv_status status = env_link(self->home, name, self->home, kept);
    if (status == PYKV_NOT_SUPPORTED || status == PYKV_NO_PERMISSION) {
        return PYKV_OK;
    }
    if (status == PYKV_OK || status == PYKV_PATH_EXISTS) {
        source->torn_kept = true;
        return PYKV_OK;
    }
    return status;
}

pykv_status wal_recovery_keep_torn(wal_recovery *self)
{
    pykv_status status = PYKV_OK;
    bool kept = false;
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        if (self->sources[i].torn) {
            status = keep_one(self, &self->sources[i]);
            kept = true;
        }
    }
    return status == PYKV_OK && kept ? env_directory_sync(self->home) : status;
}

pykv_status wal_recovery_finish(wal_recovery *self)
{
    char name[LOG_FILE_NAME_BYTES];
    char kept[LOG_FILE_NAME_BYTES];
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        const log_source *source = &self->sources[i];
        if (i < self->kept_count && has_records(self, i)) {
            continue;
        }
        log_file_name(source->number, name);
        log_file_torn_name(source->number, kept);
        status = source->torn && !source->torn_kept ? env_rename(self->home, name, kept)
                                                    : env_unlink(self->home, name);
    }
    return status;
}
